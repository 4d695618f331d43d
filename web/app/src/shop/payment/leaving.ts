import type { Enum } from '../../api/graphql'
import { newStore, useStore } from '../../api/store'

/** The gateway whose page is being opened, while it is. */
export const leaving = newStore<Enum<'PG'> | undefined>(undefined)

export const useLeaving = () => useStore(leaving)

/** How long the gateway's page may take to appear, before one can press again. */
const patience = 20_000

/** Goes to the gateway's page. */
export function leave(pg: Enum<'PG'>, address: string): void {
  leaving.set(pg)
  location.assign(address)
  setTimeout(() => leaving.set(undefined), patience)
}

// Whoever comes back by the browser's button finds the page as it was left.
addEventListener('pageshow', (event) => {
  if (event.persisted) leaving.set(undefined)
})
