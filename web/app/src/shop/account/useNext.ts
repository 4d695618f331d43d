import { useLocation, useSearchParams } from 'wouter'

import { ownPath } from './ownPath'

/** Where to go on to once signed in, and a function that goes there. */
export function useNext(): [next: string, goOn: () => void] {
  const [params] = useSearchParams()
  const [, navigate] = useLocation()
  const next = ownPath(params.get('next'))
  const goOn = () => {
    // The console is another page, with scripts of its own.
    if (/^\/operator(\/|$|\?)/.test(next)) location.replace(next)
    else navigate(next, { replace: true })
  }
  return [next, goOn]
}
