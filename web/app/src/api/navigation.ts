import { useLayoutEffect } from 'react'
import { useLocation, useSearch } from 'wouter'

/*
 * Where a page was scrolled to is remembered for each entry of the history, so that going back, or reloading, shows what
 * was seen. The browser's own memory is of no use: it scrolls before the data is there.
 */

const prefix = 'scroll:'
let first = true
let restoring = isReturn(performance.getEntriesByType('navigation')[0])
let entry = entryKey()

function isReturn(navigation: PerformanceEntry | undefined): boolean {
  const type = (navigation as PerformanceNavigationTiming | undefined)?.type
  return type === 'reload' || type === 'back_forward'
}

interface State {
  entry?: string
}

/** Names the present entry of the history. */
function entryKey(): string {
  const state = history.state as State | null
  if (state?.entry) return state.entry
  const key = Math.random().toString(36).slice(2)
  history.replaceState({ ...state, entry: key }, '')
  return key
}

/** Starts remembering; once, before anything is rendered. */
export function rememberScroll(): void {
  history.scrollRestoration = 'manual'
  addEventListener('scroll', note, { passive: true })
  const arrive = (returned: boolean) => {
    first = false
    restoring = returned
    entry = entryKey()
  }
  addEventListener('popstate', () => arrive(true))
  addEventListener('pushState', () => arrive(false))
  // An address that is replaced stays the same entry.
  addEventListener('replaceState', () => {
    if (!(history.state as State | null)?.entry) history.replaceState({ ...history.state, entry }, '')
  })
}

let noting: ReturnType<typeof setTimeout> | undefined

/** Notes the place, some times a second at most. A page that shrinks before it is restored has not been scrolled. */
function note(): void {
  if (restoring || noting) return
  const left = entry
  noting = setTimeout(() => {
    noting = undefined
    if (left === entry && !restoring) sessionStorage.setItem(prefix + left, String(Math.round(scrollY)))
  }, 100)
}

/** Whether the app has shown only the page that it was opened with. */
export const isFirstPage = () => first

/** A name for the present entry of the history, for what a screen wants to find again there. */
export const historyEntry = () => entry

/** Scrolls to where this entry of the history was left, or to the top of a new one, as soon as the page has its height. */
export function useScrollMemory(ready: boolean): void {
  const [path] = useLocation()
  const search = useSearch()
  useLayoutEffect(() => {
    if (!ready) return
    const left = restoring ? Number(sessionStorage.getItem(prefix + entry)) : 0
    restoring = false
    if (left || !first) scrollTo(0, left)
  }, [ready, path, search])
}
