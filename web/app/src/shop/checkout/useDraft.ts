import { useState } from 'react'

import type { Way } from '../payment/pay'

interface Draft {
  way?: Way
  agreed: boolean
  /** The cart, and what it cost, that was agreed to. */
  of?: string
}

const name = 'draft:checkout'

/**
 * What was filled in at the checkout, also after going away to sign up. Who has agreed to another cart, or to other
 * prices, has not agreed to these.
 */
export function useDraft(cart: string, total: number): [Draft, (change: Partial<Draft>) => void] {
  const of = `${cart} ${total}`
  const [kept, keep] = useState(recall)
  const draft = { ...kept, agreed: kept.agreed && kept.of === of }
  const change = (some: Partial<Draft>) => {
    const next = { ...draft, ...some, of }
    sessionStorage.setItem(name, JSON.stringify(next))
    keep(next)
  }
  return [draft, change]
}

const recall = () => JSON.parse(sessionStorage.getItem(name) ?? '{"agreed":false}') as Draft

/** Forgets it, once it has become an order. */
export const forgetDraft = () => sessionStorage.removeItem(name)
