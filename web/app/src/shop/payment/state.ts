import type { OrderOfPanel, PaymentOfPanel } from './fields'

/** What the panel says, with the payment that it says it of. */
export type PanelState =
  | { kind: 'unpaid'; payment: PaymentOfPanel | null }
  | { kind: 'canceled' | 'expired'; payment: PaymentOfPanel | null }
  | {
      kind: 'approving' | 'unknown' | 'deposit' | 'approved' | 'failed' | 'refunding' | 'refunded' | 'late'
      payment: PaymentOfPanel
    }

/** What an order and its payment come to, for whoever wants to know where the money is. */
export function stateOf(order: OrderOfPanel): PanelState {
  const { payment } = order
  if (!payment) return ended(order) ?? { kind: 'unpaid', payment }
  switch (payment.status) {
    case 'APPROVING':
      return { kind: 'approving', payment }
    case 'UNKNOWN':
      return { kind: 'unknown', payment }
    case 'WAITING_FOR_DEPOSIT':
      return ended(order) ?? { kind: 'deposit', payment }
    case 'APPROVED':
      return { kind: 'approved', payment }
    case 'CANCELING':
      return { kind: 'refunding', payment }
    case 'PARTIALLY_CANCELED':
    case 'CANCELED':
      if (payment.refundedAmount === 0) return ended(order) ?? { kind: 'canceled', payment }
      return { kind: cameLate(order, payment) ? 'late' : 'refunded', payment }
    case 'READY':
      return ended(order) ?? { kind: 'unpaid', payment }
    case 'FAILED':
      return ended(order) ?? { kind: 'failed', payment }
    case 'EXPIRED':
      return ended(order) ?? { kind: 'expired', payment }
  }
}

/** An order that is over: it took no money, or what came too late, which goes back and is not part of refundedAmount. */
function ended({ status, payment }: OrderOfPanel): PanelState | undefined {
  if (status !== 'CANCELED' && status !== 'EXPIRED') return undefined
  if (payment?.refunds.some((refund) => refund.status === 'REQUESTED' || refund.status === 'UNKNOWN')) {
    return { kind: 'refunding', payment }
  }
  if (payment && returned(payment) > 0) return { kind: 'late', payment }
  if (status === 'CANCELED') return { kind: 'canceled', payment }
  return { kind: 'expired', payment }
}

/** All that was given back, of whatever attempt. */
export function returned({ refunds }: PaymentOfPanel): number {
  return refunds.reduce((sum, { status, amount }) => (status === 'DONE' ? sum + amount : sum), 0)
}

/** Whether the money came when the order was over already. */
function cameLate({ status, canceledAt }: OrderOfPanel, { approvedAt }: PaymentOfPanel): boolean {
  if (status === 'EXPIRED') return true
  return canceledAt !== null && approvedAt !== null && Date.parse(approvedAt) > Date.parse(canceledAt)
}

/**
 * Whether nothing will change any more without somebody doing something here. Once something was opened to pay with, an
 * order that ended without money may still be paid: a deposit that comes late is to be seen at once.
 */
export function isOver(state: PanelState): boolean {
  if (state.kind === 'refunded') return state.payment.balance === 0
  return state.kind === 'late' || ((state.kind === 'canceled' || state.kind === 'expired') && state.payment === null)
}
