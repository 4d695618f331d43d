import { graphql } from '../../api/graphql'
import { useLoad, type LoadOptions } from '../../api/load'

const ShopQuery = graphql(`
  query Shop {
    shop {
      name
      notices
      orderHoldSeconds
      gateways {
        pg
        methods
        available
      }
    }
    viewer {
      id
      email
      role
    }
  }
`)

/** The shop, and who is signed in: undefined until known, null when nobody is. */
export function useShop({ requestPolicy = 'cache-first' }: LoadOptions = {}) {
  const { data, ...rest } = useLoad(ShopQuery, {}, { requestPolicy })
  return { shop: data?.shop, viewer: data?.viewer, ...rest }
}
