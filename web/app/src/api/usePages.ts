import { useEffect, useState } from 'react'

import { historyEntry } from './navigation'

interface Place {
  /** Which list: another has its own pages. */
  list: string
  pages: number
  after: string | null
}

interface Sizes {
  /** How many are asked for at once. */
  page: number
  /** As many as the server gives at once, in whole pages. */
  most: number
}

interface Answered {
  count: number | undefined
  hasNextPage: boolean
  endCursor: string | null | undefined
  settled: boolean
}

/**
 * Where one is in a list that is read page after page. How many pages were seen is remembered for the entry of the
 * history, and seen again after going back or reloading.
 */
export function usePages(list: string, { page, most }: Sizes) {
  const [kept, setPlace] = useState<Place>(() => ({ list, pages: pagesSeen(list), after: null }))
  const place = kept.list === list ? kept : { list, pages: 1, after: null }
  useEffect(() => {
    sessionStorage.setItem(pagesName(), JSON.stringify({ list, pages: place.pages }))
  }, [list, place.pages])
  return {
    first: place.after ? page : Math.min(most, place.pages * page),
    after: place.after,
    pages: place.pages,
    more: (endCursor: string | null | undefined) => setPlace({ list, pages: place.pages + 1, after: endCursor ?? null }),
    /** Asks for what was seen before and one answer could not hold. */
    useCatchUp({ count, hasNextPage, endCursor, settled }: Answered) {
      const behind = count !== undefined && count < place.pages * page && hasNextPage && settled
      useEffect(() => {
        if (behind) setPlace({ ...place, after: endCursor ?? null })
      })
    },
  }
}

const pagesName = () => `pages:${historyEntry()}`

function pagesSeen(list: string): number {
  const seen = JSON.parse(sessionStorage.getItem(pagesName()) ?? '{}') as { list?: string; pages?: number }
  return seen.list === list ? (seen.pages ?? 1) : 1
}
