import { useEffect, useEffectEvent } from 'react'
import { useParams } from 'wouter'

import { graphql, type ResultOf } from '../../api/graphql'
import { useKept } from '../../api/kept'
import { useLoad } from '../../api/load'
import { Button, ButtonLink } from '../../ui/Button'
import { copy } from '../../ui/copy'
import { Copy } from '../../ui/icons'
import { Page } from '../../ui/Page'
import { Status } from '../../ui/Status'
import { toast } from '../../ui/Toast'
import { When } from '../../ui/When'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import { PanelOrder } from '../payment/fields'
import { PaymentPanel } from '../payment/PaymentPanel'
import { stateOf, type PanelState } from '../payment/state'
import { Again } from './Again'
import { Cancel } from './Cancel'
import { Lines } from './Lines'
import { OrderFields, OrderPaymentFields, type Order } from './order'
import css from './OrderPage.module.css'
import { PaymentSummary } from './PaymentSummary'
import { Refunds } from './Refunds'
import { Timeline } from './Timeline'
import { Unshown } from './Unshown'

const OrderQuery = graphql(
  `
    query Order($id: ID!) {
      viewer {
        id
        email
      }
      order(id: $id) {
        ...OrderFields
        ...PanelOrder
        payment {
          ...OrderPaymentFields
        }
      }
    }
  `,
  [OrderFields, OrderPaymentFields, PanelOrder],
)

type Shown = NonNullable<ResultOf<typeof OrderQuery>['order']>

export default function OrderPage() {
  const { id = '' } = useParams()
  return <Known key={id} id={id} />
}

function Known({ id }: { id: string }) {
  const words = useWords(orders)
  const { data, problem, reload } = useLoad(OrderQuery, { id })
  const viewer = data?.viewer
  const order = useKept(data?.order ?? undefined, viewer)
  const behind = order && isBehind(order)
  const catchUp = useEffectEvent(reload)
  useEffect(() => {
    if (behind) catchUp()
  }, [behind, order?.version, order?.payment?.version])
  if (order) return <Details order={order} reload={reload} />
  return <Unshown title={words.order} answer={data} problem={problem} reload={reload} />
}

/** Whether the panel was told of something that the record of the order does not have yet. */
function isBehind({ version, history, payment }: Shown): boolean {
  const last = (events: { version: number }[]) => events.at(-1)?.version ?? 0
  return last(history) < version || (payment !== null && last(payment.history) < payment.version)
}

/** In these, the panel itself offers the receipt, or to order again. */
const panelOffers: Partial<Record<PanelState['kind'], 'receipt' | 'again'>> = {
  approved: 'receipt',
  refunded: 'receipt',
  canceled: 'again',
  expired: 'again',
}

/** In these, canceling stands beside paying. */
const cancelsInPanel: PanelState['kind'][] = ['unpaid', 'failed', 'deposit']

function Details({ order, reload }: { order: Shown; reload: () => void }) {
  const words = useWords(orders)
  const { kind } = stateOf(order)
  const cancel = <Cancel order={order} reload={reload} />
  return (
    <Page title={words.heading(order.number)} aside={<Status order={order.status} />} narrow>
      <p className={css.placed}>
        {words.placedAt} <When at={order.placedAt} />
        <CopyNumber number={order.number} />
      </p>
      <PaymentPanel
        order={order}
        reload={reload}
        onOrderPage
        actions={cancelsInPanel.includes(kind) && <div className={css.actions}>{cancel}</div>}
      />
      <Lines order={order} />
      <PaymentSummary order={order} />
      <Refunds order={order} />
      <div className={css.actions}>
        {hasReceipt(order) && panelOffers[kind] !== 'receipt' && (
          <ButtonLink href={`/orders/${order.id}/receipt`}>{words.receipt}</ButtonLink>
        )}
        {panelOffers[kind] !== 'again' && <Again order={order} />}
        {!cancelsInPanel.includes(kind) && cancel}
      </div>
      <Timeline order={order} />
    </Page>
  )
}

/** Whether money was taken, so that there is something to show for it. */
function hasReceipt({ payment }: Order): boolean {
  return payment !== null && payment.approvedAt !== null
}

function CopyNumber({ number }: { number: string }) {
  const words = useWords(common)
  const { number: label } = useWords(orders)
  return (
    <Button
      kind="quiet"
      aria-label={`${label} ${words.copy}`}
      onClick={() => void copy(number).then(() => toast(words.copied))}
    >
      <Copy size={18} />
      {words.copy}
    </Button>
  )
}
