import { useState } from 'react'
import { Link } from 'wouter'

import { graphql } from '../../api/graphql'
import { problemOf, type Problem } from '../../api/errors'
import { useClient } from 'urql'

import { Button } from '../../ui/Button'
import { Refusal } from '../../ui/Problem'
import { useAction } from '../../ui/useAction'
import { catalogue } from '../../words/catalogue'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import { addToCart } from '../cart/cart'
import css from './OrderPage.module.css'
import type { Order } from './order'

const AgainQuery = graphql(`
  query OrderAgain($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
      ... on Product {
        price
        stock
      }
    }
  }
`)

interface Outcome {
  added: number
  gone: string[]
  soldOut: string[]
  full: boolean
}

/** Puts what was ordered into the cart again, at the prices of today. */
export function Again({ order }: { order: Order }) {
  const words = useWords(orders)
  const { full } = useWords(catalogue)
  const client = useClient()
  const [problem, setProblem] = useState<Problem>()
  const [outcome, setOutcome] = useState<Outcome>()
  const [add, busy] = useAction(async () => {
    setProblem(undefined)
    setOutcome(undefined)
    const ids = order.lines.map((line) => line.productId)
    const { data, error } = await client.query(AgainQuery, { ids }, { requestPolicy: 'network-only' }).toPromise()
    if (data) setOutcome(putIn(order, data.nodes))
    else setProblem(problemOf(error) ?? { code: 'INTERNAL' })
  })
  return (
    <>
      <Button busy={busy} onClick={add}>
        {words.again}
      </Button>
      <div role="status" className={css.outcome}>
        {outcome && (
          <>
            {outcome.added > 0 && (
              <p>
                {words.inCart(outcome.added)} <Link href="/cart">{words.seeCart}</Link>
              </p>
            )}
            {outcome.soldOut.length > 0 && <p>{words.soldOut(outcome.soldOut.join(', '))}</p>}
            {outcome.gone.length > 0 && <p>{words.gone(outcome.gone.join(', '))}</p>}
            {outcome.full && <p>{full}</p>}
          </>
        )}
      </div>
      <Refusal problem={problem} />
    </>
  )
}

type Found = { id: string; price?: number; stock?: number } | null

function putIn(order: Order, found: readonly Found[]): Outcome {
  const products = new Map(found.filter((product) => product !== null).map((product) => [product.id, product]))
  const outcome: Outcome = { added: 0, gone: [], soldOut: [], full: false }
  for (const { productId, name, quantity } of order.lines) {
    const { price, stock = 0 } = products.get(productId) ?? {}
    if (price === undefined) outcome.gone.push(name)
    else if (stock === 0) outcome.soldOut.push(name)
    else if (addToCart(productId, price, Math.min(quantity, stock))) outcome.added++
    else outcome.full = true
  }
  return outcome
}
