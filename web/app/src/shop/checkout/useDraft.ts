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
 * What was filled in at the checkout, also after going away to sign up. Who comes back with another cart, or to other
 * prices, has not agreed to them.
 */
export function useDraft(cart: string, total: number): [Draft, (change: Partial<Draft>) => void] {
  const of = `${cart} ${total}`
  const [draft, setDraft] = useState(() => recall(of))
  const change = (some: Partial<Draft>) => {
    const next = { ...draft, ...some, of }
    sessionStorage.setItem(name, JSON.stringify(next))
    setDraft(next)
  }
  return [draft, change]
}

function recall(of: string): Draft {
  const kept = JSON.parse(sessionStorage.getItem(name) ?? '{"agreed":false}') as Draft
  return { ...kept, agreed: kept.agreed && kept.of === of }
}

/** Forgets it, once it has become an order. */
export const forgetDraft = () => sessionStorage.removeItem(name)
