import { useLocation } from 'wouter'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { useSend } from '../../api/send'
import { ordered, orderKey, orderOf, renewKey, useCart, type Ordered } from '../cart/cart'
import { PanelOrder } from '../payment/fields'
import { noteSeenTotal, usePay, type Way } from '../payment/pay'
import { stateOf } from '../payment/state'
import { forgetDraft } from './useDraft'

const PlaceOrder = graphql(
  `
    mutation PlaceOrder($input: PlaceOrderInput!) {
      placeOrder(input: $input) {
        order {
          ...PanelOrder
        }
      }
    }
  `,
  [PanelOrder],
)

/**
 * Places an order, shows it, and leaves for the gateway: in this sequence, so that whoever comes back finds the order. It
 * returns why no order was placed; what goes wrong afterwards is shown by the order.
 */
export function usePlaceOrder() {
  const cart = useCart()
  const send = useSend()
  const pay = usePay()
  const [, navigate] = useLocation()
  const show = (id: string) => navigate(`/orders/${id}`, { replace: true })

  return async (lines: Ordered[], shownTotal: number, way: Way): Promise<Problem | undefined> => {
    const key = orderKey(cart, lines)
    const earlier = orderOf(key)
    if (earlier) {
      show(earlier)
      return undefined
    }
    const input = { idempotencyKey: key, lines: lines.map(({ id, quantity }) => ({ productId: id, quantity })) }
    const { data, problem } = await send(PlaceOrder, { input })
    const order = data?.placeOrder?.order
    if (!order) return problem ? refused(problem) : { code: 'INTERNAL' }
    ordered(key, order.id, lines)
    forgetDraft()
    show(order.id)
    if (order.total !== shownTotal) noteSeenTotal(order.id, shownTotal)
    else if (stateOf(order).kind === 'unpaid' && !order.payment) await pay(order.id, way, 0)
    return undefined
  }
}

function refused(problem: Problem): Problem {
  if (problem.code === 'IDEMPOTENCY_MISMATCH') {
    console.error('the key of the cart stands for another order', problem.requestId)
    renewKey()
  }
  return problem
}
