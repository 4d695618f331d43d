import { useEffect, useRef } from 'react'

import { askToSignIn, useSession } from './session'

/**
 * What the viewer was shown of their own, kept while the session turns out to have ended: somebody signs in over the page,
 * not instead of it. Once somebody has signed out, here or in another tab, nothing of it is left, from that moment on.
 */
export function useKept<T>(shown: T | undefined, viewer: object | null | undefined): T | undefined {
  const { epoch, left } = useSession()
  const kept = useRef<{ epoch: number; left: number; shown: T }>(undefined)
  // The old answer is still there when the session is another one.
  if (shown !== undefined && shown !== kept.current?.shown) kept.current = { epoch, left, shown }
  const gone = kept.current !== undefined && kept.current.left !== left
  const ended = viewer === null && kept.current?.epoch === epoch
  useEffect(() => {
    if (ended) askToSignIn()
  }, [ended])
  if (gone) return undefined
  return shown ?? (ended ? kept.current?.shown : undefined)
}
