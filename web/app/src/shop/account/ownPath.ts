/** The pages of signing in are no place to come back to. */
const notThere = /^\/(sign-in|sign-up|reset)(\/|$)/

/** The page to go on to, as ?next= names it: one of ours, or the front page instead of anything else. */
export function ownPath(next: string | null): string {
  if (!next || !/^\/(?![/\\])/.test(next)) return '/'
  const url = new URL(next, location.origin)
  if (url.origin !== location.origin || notThere.test(url.pathname)) return '/'
  return url.pathname + url.search + url.hash
}

/** Carries where to go on to from one page of the account to another. */
export function withNext(path: string, next: string): string {
  return next === '/' ? path : `${path}?${new URLSearchParams({ next })}`
}
