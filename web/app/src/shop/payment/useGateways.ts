import { useEffect, useEffectEvent } from 'react'

import { useIdle } from '../../api/activity'
import { useShop } from '../frame/useShop'

/** How often a gateway that did not answer is asked after, in milliseconds. */
const askEvery = 10_000

/** The shop as it is now: which gateways answer is asked anew, and again while one of them does not. */
export function useGateways() {
  const known = useShop({ requestPolicy: 'cache-and-network' })
  const idle = useIdle()
  const waits = !idle && known.shop?.gateways.some(({ available }) => !available)
  const ask = useEffectEvent(known.reload)
  useEffect(() => {
    if (!waits) return undefined
    const timer = setInterval(() => ask(), askEvery)
    return () => clearInterval(timer)
  }, [waits])
  return known
}
