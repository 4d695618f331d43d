import type { Problem } from '../../api/errors'
import { graphql, type Enum } from '../../api/graphql'
import { keyFor, settle } from '../../api/once'
import { useSend } from '../../api/send'
import { newStore, useStore } from '../../api/store'
import { leave, leaving } from './leaving'

/** How somebody wants to pay. */
export interface Way {
  pg: Enum<'PG'>
  method: Enum<'PaymentMethod'>
  months: number
}

const ReadyPayment = graphql(`
  mutation ReadyPayment($input: ReadyPaymentInput!) {
    readyPayment(input: $input) {
      checkoutUrl
      payment {
        id
        status
        version
        attempts {
          id
        }
        order {
          id
          payment {
            id
          }
        }
      }
    }
  }
`)

/** Why the payment of an order could not be opened: the screen that began it may be gone by then. */
const refused = newStore<{ orderId: string; problem: Problem } | undefined>(undefined)

export function useRefused(orderId: string): Problem | undefined {
  const last = useStore(refused)
  return last?.orderId === orderId ? last.problem : undefined
}

/** What the person who placed an order saw that it would cost, for when the price moved meanwhile. */
const seenTotals = new Map<string, number>()

export const seenTotal = (orderId: string) => seenTotals.get(orderId)

export function noteSeenTotal(orderId: string, total: number): void {
  seenTotals.set(orderId, total)
}

/**
 * Opens a payment and leaves for the gateway's page. The same order, way and number of attempts are the same intent, after
 * a reload as well.
 */
export function usePay() {
  const send = useSend()
  return async (orderId: string, { pg, method, months }: Way, attempts: number): Promise<void> => {
    leaving.set(pg)
    refused.set(undefined)
    const scope = ['ready', orderId, pg, method, months, attempts].join(':')
    const input = { orderId, pg, method, installmentMonths: months, device: device(), returnUrl: returnUrl(orderId) }
    const { data, problem } = await send(ReadyPayment, { input: { ...input, idempotencyKey: keyFor(scope, input) } })
    settle(scope, problem)
    const address = data?.readyPayment?.checkoutUrl
    if (address) {
      leave(pg, address)
      return
    }
    leaving.set(undefined)
    refused.set({ orderId, problem: problem ?? { code: 'INTERNAL' } })
  }
}

/** Only the page that serves itself while it is worked on has another origin than the shop's. */
function returnUrl(orderId: string): string {
  const path = `/orders/${orderId}/paid`
  return import.meta.env.DEV ? location.origin + path : path
}

function device(): Enum<'Device'> {
  return /Android|iPhone|iPad|iPod/.test(navigator.userAgent) ? 'MOBILE' : 'DESKTOP'
}
