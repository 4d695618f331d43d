import type { AnyVariables, RequestPolicy, TypedDocumentNode } from '@urql/core'
import { useEffect, useEffectEvent, useMemo } from 'react'
import { useQuery, useSubscription } from 'urql'

import { useAway, useIdle } from './activity'
import { problemOf, type Problem } from './errors'
import { useSocketDown } from './live'

/** What a screen has of a query. Data may be there beside a problem: then it is what was last known. */
export interface Loaded<Data> {
  data: Data | undefined
  problem: Problem | undefined
  fetching: boolean
  reload(): void
}

export interface LoadOptions {
  pause?: boolean
  requestPolicy?: RequestPolicy
}

/** Asks a query, and asks again when the network returns, or the browser brings the page back as it was. */
export function useLoad<Data, Variables extends AnyVariables>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { pause = false, requestPolicy = 'cache-and-network' }: LoadOptions = {},
): Loaded<Data> {
  const [{ data, error, fetching, stale }, execute] = useQuery({ query, variables, pause, requestPolicy })
  const problem = useMemo(() => problemOf(error), [error])
  const reload = () => {
    if (!pause) execute({ requestPolicy: 'network-only' })
  }
  const onOnline = useEffectEvent(() => problem && reload())
  const onShow = useEffectEvent((event: PageTransitionEvent) => event.persisted && reload())
  useEffect(() => {
    const online = () => onOnline()
    const show = (event: PageTransitionEvent) => onShow(event)
    addEventListener('online', online)
    addEventListener('pageshow', show)
    return () => {
      removeEventListener('online', online)
      removeEventListener('pageshow', show)
    }
  }, [])
  return { data, problem, fetching: fetching || stale, reload }
}

/** How a screen learns of changes: told at once, asking every few seconds, or not while nobody looks. */
export type Watching = 'told' | 'asking' | 'paused'

const pollSeconds = [3, 5, 10]

/**
 * Has a subscription feed the cache, from which the screen's queries take what is new. While the live connection is down,
 * ask is called every few seconds instead.
 */
export function useWatch<Data, Variables extends AnyVariables>(
  subscription: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  { pause, ask }: { pause: boolean; ask: () => void },
): Watching {
  const away = useAway()
  const idle = useIdle()
  const down = useSocketDown()
  useSubscription({ query: subscription, variables, pause: pause || away })
  const polls = down && !pause && !away && !idle
  usePolls(polls, ask)
  if (!down) return 'told'
  return polls ? 'asking' : 'paused'
}

/** Has what nobody can ask for again, such as what stands around a screen, ask by itself until it is answered. */
export function useInsist({ problem, reload }: Pick<Loaded<unknown>, 'problem' | 'reload'>): void {
  const away = useAway()
  usePolls(problem !== undefined && !away, reload)
}

/** Calls ask every few seconds, at first sooner than later, while it is on. */
function usePolls(on: boolean, ask: () => void): void {
  const onTick = useEffectEvent(ask)
  useEffect(() => {
    if (!on) return undefined
    let times = 0
    let timer: ReturnType<typeof setTimeout>
    const wait = () => {
      const seconds = pollSeconds[Math.min(times, pollSeconds.length - 1)]!
      timer = setTimeout(() => {
        times++
        onTick()
        wait()
      }, seconds * 1000)
    }
    wait()
    return () => clearTimeout(timer)
  }, [on])
}
