import { useParams } from 'wouter'

import { graphql } from '../../api/graphql'
import { useKept } from '../../api/kept'
import { useLoad, useWatch } from '../../api/load'
import { Button, ButtonLink } from '../../ui/Button'
import { Copy } from '../../ui/icons'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice } from '../../ui/Problem'
import { TextSkeleton } from '../../ui/Skeleton'
import { Status } from '../../ui/Status'
import { toast } from '../../ui/Toast'
import { When } from '../../ui/When'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import { Again } from './Again'
import { Cancel } from './Cancel'
import { Lines } from './Lines'
import { OrderFields, OrderPaymentFields, type Order } from './order'
import css from './OrderPage.module.css'
import { PaymentSummary } from './PaymentSummary'
import { Refunds } from './Refunds'
import { Timeline } from './Timeline'

const OrderQuery = graphql(
  `
    query Order($id: ID!) {
      viewer {
        id
        email
      }
      order(id: $id) {
        ...OrderFields
        payment {
          ...OrderPaymentFields
        }
      }
    }
  `,
  [OrderFields, OrderPaymentFields],
)

const OrderUpdated = graphql(
  `
    subscription OrderUpdated($id: ID!) {
      orderUpdated(orderId: $id) {
        ...OrderFields
        payment {
          ...OrderPaymentFields
        }
      }
    }
  `,
  [OrderFields, OrderPaymentFields],
)

const OrderPaymentUpdated = graphql(
  `
    subscription OrderPaymentUpdated($id: ID!) {
      paymentUpdated(paymentId: $id) {
        ...OrderPaymentFields
      }
    }
  `,
  [OrderPaymentFields],
)

export default function OrderPage() {
  const { id = '' } = useParams()
  return <Known key={id} id={id} />
}

function Known({ id }: { id: string }) {
  const words = useWords(orders)
  const { data, problem, reload } = useLoad(OrderQuery, { id })
  const viewer = data?.viewer
  const order = useKept(data?.order ?? undefined, viewer)
  useWatch(OrderUpdated, { id }, { pause: !order, ask: reload })
  const payment = order?.payment?.id ?? ''
  useWatch(OrderPaymentUpdated, { id: payment }, { pause: !payment, ask: reload })
  if (order) return <Shown order={order} onChanged={reload} />
  if (viewer && (problem?.code === 'NOT_FOUND' || !problem)) return <Missing email={viewer.email} />
  const failed = viewer === null ? ({ code: 'UNAUTHENTICATED' } as const) : problem
  return (
    <Page title={words.order} narrow ready={false}>
      {failed ? <ErrorPanel problem={failed} onRetry={reload} /> : <TextSkeleton />}
    </Page>
  )
}

function Shown({ order, onChanged }: { order: Order; onChanged: () => void }) {
  const words = useWords(orders)
  return (
    <Page title={words.heading(order.number)} aside={<Status order={order.status} />} narrow>
      <p className={css.placed}>
        {words.placedAt} <When at={order.placedAt} />
        <CopyNumber number={order.number} />
      </p>
      <PaymentSummary order={order} />
      <Lines order={order} />
      <Refunds order={order} />
      <div className={css.actions}>
        {hasReceipt(order) && <ButtonLink href={`/orders/${order.id}/receipt`}>{words.receipt}</ButtonLink>}
        <Again order={order} />
        <Cancel order={order} onChanged={onChanged} />
      </div>
      <Timeline order={order} />
    </Page>
  )
}

/** Whether money was taken, so that there is something to show for it. */
export function hasReceipt({ payment }: Order): boolean {
  return payment !== null && payment.approvedAt !== null
}

function CopyNumber({ number }: { number: string }) {
  const words = useWords(common)
  const { number: label } = useWords(orders)
  return (
    <Button
      kind="quiet"
      aria-label={`${label} ${words.copy}`}
      onClick={() => void navigator.clipboard.writeText(number).then(() => toast(words.copied))}
    >
      <Copy size={18} />
      {words.copy}
    </Button>
  )
}

/** Nobody's order, or another's: the two are never told apart. */
export function Missing({ email }: { email: string }) {
  const words = useWords(orders)
  return (
    <Page title={words.missing} unseenTitle>
      <Notice title={words.missing} text={`${words.missingText} ${words.signedInAs(email)}`}>
        <ButtonLink href="/orders" kind="main">
          {words.mine}
        </ButtonLink>
      </Notice>
    </Page>
  )
}
