import { useState } from 'react'

import type { Way } from '../payment/pay'

interface Draft {
  way?: Way
  agreed: boolean
}

const name = 'draft:checkout'

/** What was filled in at the checkout, also after going away to sign up. */
export function useDraft(): [Draft, (change: Partial<Draft>) => void] {
  const [draft, setDraft] = useState<Draft>(() => JSON.parse(sessionStorage.getItem(name) ?? '{"agreed":false}') as Draft)
  const change = (some: Partial<Draft>) => {
    const next = { ...draft, ...some }
    sessionStorage.setItem(name, JSON.stringify(next))
    setDraft(next)
  }
  return [draft, change]
}

/** Forgets it, once it has become an order. */
export const forgetDraft = () => sessionStorage.removeItem(name)
