import type { ReactNode } from 'react'
import { useLocation } from 'wouter'

import { useWatch } from '../../api/load'
import { Button, ButtonLink } from '../../ui/Button'
import { Alert, Asking, CheckRound, Clock, CrossRound, Return } from '../../ui/icons'
import { useWon } from '../../ui/Money'
import { toast } from '../../ui/Toast'
import { useNow, useSeoul } from '../../ui/When'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { payment as paymentWords } from '../../words/payment'
import { addToCart } from '../cart/cart'
import { Deposit } from './Deposit'
import { failureText } from './failure'
import { OrderUpdated, PaymentUpdated, type OrderOfPanel, type PaymentOfPanel } from './fields'
import { Actions, Head } from './Head'
import { PayBox } from './PayBox'
import css from './PaymentPanel.module.css'
import { isOver, returned, stateOf, type PanelState } from './state'
import { TimeLeft } from './TimeLeft'

interface PanelProps {
  order: OrderOfPanel
  /** Asks for the order again, while the live connection is down. */
  reload: () => void
  /** Whether the panel stands on the order's own page, which it then does not lead to. */
  onOrderPage?: boolean
  /** Further actions while the order is unpaid, such as canceling it. */
  actions?: ReactNode
}

/** Where the money of an order is, as it happens, and what can be done about it. */
export function PaymentPanel({ order, reload, onOrderPage = false, actions }: PanelProps) {
  const state = stateOf(order)
  const watching = useWatch(OrderUpdated, { orderId: order.id }, { pause: isOver(state), ask: reload })
  const { id: paymentId = '' } = order.payment ?? {}
  useWatch(PaymentUpdated, { paymentId }, { pause: !paymentId || isOver(state), ask: () => {} })
  return (
    <section className={css.panel}>
      <State state={state} order={order} links={!onOrderPage} actions={actions} />
      <Watched watching={watching} reload={reload} />
    </section>
  )
}

interface StateProps<State = PanelState> {
  state: State
  order: OrderOfPanel
  links: boolean
  actions: ReactNode
}

function State({ state, order, links, actions }: StateProps) {
  const words = useWords(paymentWords)
  const toOrder = <ButtonLink href={`/orders/${order.id}`}>{words.seeOrder}</ButtonLink>
  switch (state.kind) {
    case 'unpaid':
      return <Unpaid payment={state.payment} order={order} actions={actions ?? (links && toOrder)} />
    case 'approving':
      return <Head icon={Asking} tone="wait" title={words.approving} text={words.approvingText} />
    case 'unknown':
      return <Unknown payment={state.payment} />
    case 'deposit':
      return <Deposit payment={state.payment} actions={actions ?? (links && toOrder)} />
    case 'approved':
      return <Approved payment={state.payment} order={order} links={links} />
    case 'failed':
      return <Failed payment={state.payment} order={order} actions={actions ?? (links && toOrder)} />
    case 'refunding':
      return <Head icon={Return} tone="wait" title={words.refunding} text={words.refundingText} />
    case 'refunded':
      return <Refunded payment={state.payment} order={order} />
    case 'expired':
      return <Ended title={words.expired} icon={Clock} order={order} />
    case 'canceled':
      return <Ended title={words.canceled} icon={CrossRound} order={order} />
    case 'late':
      return <Late payment={state.payment} />
  }
}

function Unpaid({ payment, order, actions }: { payment: PaymentOfPanel | null; order: OrderOfPanel; actions: ReactNode }) {
  const words = useWords(paymentWords)
  return (
    <>
      <Head icon={Clock} tone="wait" title={words.unpaid} text={<TimeLeft until={order.expiresAt} />} />
      <PayBox order={order} open={payment?.status === 'READY' ? payment : null} />
      {actions}
    </>
  )
}

function Failed({ payment, order, actions }: { payment: PaymentOfPanel; order: OrderOfPanel; actions: ReactNode }) {
  const words = useWords(paymentWords)
  const seoul = useSeoul()
  const why = payment.failure && failureText(payment.failure, words)
  return (
    <>
      <Head
        icon={Alert}
        tone="bad"
        title={words.failed}
        text={
          <>
            {why && <p>{why}</p>}
            <p>{words.stillHeld(seoul(order.expiresAt, 'deadline'))}</p>
          </>
        }
      />
      <PayBox order={order} open={null} again />
      {actions}
    </>
  )
}

/** After this long, it is worth saying that it takes long. */
const slowAfter = 60_000

function Unknown({ payment }: { payment: PaymentOfPanel }) {
  const words = useWords(paymentWords)
  const seoul = useSeoul()
  const since = payment.updatedAt
  const slow = useNow(5) - Date.parse(since) > slowAfter
  return (
    <>
      <Head
        icon={Asking}
        tone="wait"
        title={words.unknown}
        text={
          <>
            <p>
              <b>{words.doNotPayAgain}</b> {words.unknownText}
            </p>
            <p>{words.since(seoul(since))}</p>
            {slow && <p>{words.slow}</p>}
          </>
        }
      />
      <Actions>
        <ButtonLink href="/orders">{words.seeOrders}</ButtonLink>
      </Actions>
    </>
  )
}

function Approved({ payment, order, links }: { payment: PaymentOfPanel; order: OrderOfPanel; links: boolean }) {
  const words = useWords(paymentWords)
  const { pg } = useWords(common)
  const won = useWon()
  return (
    <>
      <Head
        icon={CheckRound}
        tone="good"
        title={words.approved}
        text={words.approvedText(won(payment.amount), pg[payment.pg])}
      />
      <Actions>
        {links && (
          <ButtonLink href={`/orders/${order.id}`} kind="main">
            {words.seeOrder}
          </ButtonLink>
        )}
        <ButtonLink href={`/orders/${order.id}/receipt`}>{words.receipt}</ButtonLink>
      </Actions>
    </>
  )
}

function Refunded({ payment, order }: { payment: PaymentOfPanel; order: OrderOfPanel }) {
  const words = useWords(paymentWords)
  const won = useWon()
  return (
    <>
      <Head
        icon={Return}
        tone="calm"
        title={words.refunded(won(payment.refundedAmount))}
        text={
          <>
            {payment.method === 'CARD' && <p>{words.refundedText}</p>}
            {payment.balance > 0 && <p>{words.kept(won(payment.balance))}</p>}
          </>
        }
      />
      <Actions>
        <ButtonLink href={`/orders/${order.id}/receipt`}>{words.receipt}</ButtonLink>
      </Actions>
    </>
  )
}

function Late({ payment }: { payment: PaymentOfPanel }) {
  const words = useWords(paymentWords)
  const won = useWon()
  const text = payment.method === 'CARD' ? words.refundedText : undefined
  return <Head icon={Return} tone="calm" title={words.late(won(returned(payment)))} text={text} />
}

/** An order that ended unpaid, whose goods may be wanted still; money that came late may wait for an account. */
function Ended({ title, icon, order }: { title: string; icon: typeof Clock; order: OrderOfPanel }) {
  const words = useWords(paymentWords)
  const [, navigate] = useLocation()
  const again = () => {
    for (const { productId, unitPrice, quantity } of order.lines) addToCart(productId, unitPrice, quantity)
    toast(words.addedAgain)
    navigate('/cart')
  }
  return (
    <>
      <Head
        icon={icon}
        tone="calm"
        title={title}
        text={order.payment?.refundNeedsAccount ? undefined : words.nothingCharged}
      />
      <Actions>
        <Button onClick={again}>{words.again}</Button>
      </Actions>
    </>
  )
}

/** Says when the page has to ask, or has stopped. */
function Watched({ watching, reload }: { watching: ReturnType<typeof useWatch>; reload: () => void }) {
  const words = useWords(common)
  if (watching === 'told') return null
  return (
    <p role="status" className={css.watched}>
      {watching === 'asking' ? (
        words.asking(5)
      ) : (
        <Button kind="quiet" onClick={reload}>
          {words.paused}
        </Button>
      )}
    </p>
  )
}
