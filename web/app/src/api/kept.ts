import { useEffect, useRef } from 'react'

import { askToSignIn, useSession } from './session'

/**
 * What the viewer was shown of their own, kept while the session turns out to have ended: somebody signs in over the page,
 * not instead of it. Once somebody has signed in or out, nothing of it is left.
 */
export function useKept<T>(shown: T | undefined, viewer: object | null | undefined): T | undefined {
  const { epoch } = useSession()
  const kept = useRef<{ epoch: number; shown: T }>(undefined)
  if (shown !== undefined) kept.current = { epoch, shown }
  const ended = viewer === null && kept.current?.epoch === epoch
  useEffect(() => {
    if (ended) askToSignIn()
  }, [ended])
  return shown ?? (ended ? kept.current?.shown : undefined)
}
