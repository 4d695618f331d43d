import { useEffect, useState } from 'react'

import { graphql, type Enum, type FragmentOf } from '../../api/graphql'
import { useLoad } from '../../api/load'
import { historyEntry } from '../../api/navigation'

export const TileFields = graphql(`
  fragment TileFields on Product {
    id
    name
    price
    taxFree
    stock
    listed
    imageUrl
  }
`)

export type TileProduct = FragmentOf<typeof TileFields>

const ProductsQuery = graphql(
  `
    query Products($first: Int!, $after: String, $search: String, $orderBy: ProductOrder!) {
      products(first: $first, after: $after, search: $search, orderBy: $orderBy) {
        nodes {
          ...TileFields
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  `,
  [TileFields],
)

const page = 24
/** As many as the server gives at once, in whole pages. */
const most = 96

interface Place {
  /** Which list: another has its own pages. */
  list: string
  pages: number
  after: string | null
}

/**
 * The products that a word finds, page after page in one list. How many pages were seen is remembered for the entry of the
 * history, and seen again after going back or reloading.
 */
export function useProducts(search: string, orderBy: Enum<'ProductOrder'>) {
  const list = `${orderBy} ${search}`
  const [kept, setPlace] = useState<Place>(() => ({ list, pages: pagesSeen(list), after: null }))
  const place = kept.list === list ? kept : { list, pages: 1, after: null }
  const first = place.after ? page : Math.min(most, place.pages * page)
  const { data, problem, fetching, reload } = useLoad(ProductsQuery, {
    first,
    after: place.after,
    search: search || null,
    orderBy,
  })
  const products = data?.products.nodes
  const { hasNextPage = false, endCursor = null } = data?.products.pageInfo ?? {}
  const behind = products !== undefined && products.length < place.pages * page && hasNextPage && !fetching && !problem
  useEffect(() => {
    if (behind) setPlace({ ...place, after: endCursor })
  })
  useEffect(() => {
    sessionStorage.setItem(pagesName(), JSON.stringify({ list, pages: place.pages }))
  }, [list, place.pages])
  return {
    products,
    problem,
    fetching,
    reload,
    hasMore: hasNextPage,
    more: () => setPlace({ list, pages: place.pages + 1, after: endCursor }),
    /** Whether more has been asked for by hand, so that the end of the page may ask by itself. */
    reachesOut: place.pages > 1,
  }
}

const pagesName = () => `pages:${historyEntry()}`

function pagesSeen(list: string): number {
  const seen = JSON.parse(sessionStorage.getItem(pagesName()) ?? '{}') as { list?: string; pages?: number }
  return seen.list === list ? (seen.pages ?? 1) : 1
}
