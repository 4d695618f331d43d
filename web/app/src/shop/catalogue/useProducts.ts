import { graphql, type Enum, type FragmentOf } from '../../api/graphql'
import { useLoad } from '../../api/load'
import { usePages } from '../../api/usePages'

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

/** The products that a word finds, page after page in one list. */
export function useProducts(search: string, orderBy: Enum<'ProductOrder'>) {
  const pages = usePages(`${orderBy} ${search}`, { page: 24, most: 96 })
  const { data, problem, fetching, reload } = useLoad(ProductsQuery, {
    first: pages.first,
    after: pages.after,
    search: search || null,
    orderBy,
  })
  const products = data?.products.nodes
  const { hasNextPage = false, endCursor } = data?.products.pageInfo ?? {}
  pages.useCatchUp({ count: products?.length, hasNextPage, endCursor, settled: !fetching && !problem })
  return {
    products,
    problem,
    fetching,
    reload,
    hasMore: hasNextPage,
    more: () => pages.more(endCursor),
    /** Whether more has been asked for by hand, so that the end of the page may ask by itself. */
    reachesOut: pages.pages > 1,
  }
}
