import { useEffect, useEffectEvent, useMemo, useState } from 'react'

import { graphql } from '../../api/graphql'
import { useLoad } from '../../api/load'
import { TileFields, type TileProduct } from '../catalogue/useProducts'
import { mostLines, setQuantity, useCart, type Cart, type CartLine } from './cart'

const CartQuery = graphql(
  `
    query CartProducts($ids: [ID!]!) {
      nodes(ids: $ids) {
        __typename
        ... on Product {
          ...TileFields
        }
      }
    }
  `,
  [TileFields],
)

/** A line of the cart beside what the product is now. */
export interface FilledLine extends CartLine {
  /** Undefined when it is no longer sold. */
  product: TileProduct | undefined
  /** How many pieces there were before fewer were left. */
  reducedFrom: number | undefined
  /** What it comes to; 0 when it cannot be ordered. */
  amount: number
}

/**
 * The lines of the cart with the prices and the stock of now, which are asked for on every visit and whenever the tab is
 * looked at again. A quantity that is no longer there becomes what is.
 */
export function useCartLines() {
  const cart = useCart()
  const ids = useIds(cart)
  const { data, problem, fetching, reload } = useLoad(CartQuery, { ids }, { pause: ids.length === 0 })
  const [reduced, setReduced] = useState(new Map<string, number>())
  const onFocus = useEffectEvent(reload)
  useEffect(() => {
    const focus = () => onFocus()
    addEventListener('focus', focus)
    return () => removeEventListener('focus', focus)
  }, [])

  const nodes = data?.nodes.length === ids.length ? data.nodes : undefined
  const products = useMemo(() => {
    const found = nodes?.map((node) => (node?.__typename === 'Product' ? [node.id, node] as const : undefined))
    return found && new Map(found.filter((entry) => entry !== undefined))
  }, [nodes])
  useEffect(() => {
    if (!products || fetching) return
    for (const { id, quantity } of cart.lines) {
      const left = products.get(id)?.stock ?? 0
      if (left === 0 || quantity <= left) continue
      setReduced((old) => new Map(old).set(id, quantity))
      setQuantity(id, left)
    }
  }, [fetching, cart, products])

  const lines = products && cart.lines.map((line): FilledLine => {
    const found = products.get(line.id)
    const product = found?.listed ? found : undefined
    const amount = product && product.stock > 0 ? product.price * line.quantity : 0
    return { ...line, product, reducedFrom: reduced.get(line.id), amount }
  })
  return { cart, lines, problem, fetching, reload }
}

/** What to ask for: all that the cart holds, and has held since the page was opened, so that taking out asks for nothing. */
function useIds({ lines }: Cart): string[] {
  const [ids, setIds] = useState(() => lines.map(({ id }) => id))
  const more = lines.map(({ id }) => id).filter((id) => !ids.includes(id))
  if (more.length > 0) setIds(ids.length + more.length > mostLines ? lines.map(({ id }) => id) : [...ids, ...more])
  return ids
}

/** The lines that can be ordered now. */
export function orderable(lines: FilledLine[]): FilledLine[] {
  return lines.filter(({ product }) => product !== undefined && product.stock > 0)
}

export function totalOf(lines: FilledLine[]): number {
  return lines.reduce((sum, { amount }) => sum + amount, 0)
}

export function taxFreeOf(lines: FilledLine[]): number {
  return totalOf(lines.filter(({ product }) => product?.taxFree))
}
