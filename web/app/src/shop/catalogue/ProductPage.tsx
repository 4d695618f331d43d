import { useState } from 'react'
import { useLocation, useParams } from 'wouter'

import { graphql, type ResultOf } from '../../api/graphql'
import { useLoad } from '../../api/load'
import { Button, ButtonLink } from '../../ui/Button'
import { Money } from '../../ui/Money'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice } from '../../ui/Problem'
import { Bone, Skeleton } from '../../ui/Skeleton'
import { toast } from '../../ui/Toast'
import { catalogue } from '../../words/catalogue'
import { useWords } from '../../words/language'
import { addToCart, mostPieces } from '../cart/cart'
import { Quantity } from '../cart/Quantity'
import { Picture } from './Picture'
import css from './ProductPage.module.css'
import { Stock } from './Tile'
import { TileFields } from './useProducts'

const ProductQuery = graphql(
  `
    query Product($id: ID!) {
      product(id: $id) {
        ...TileFields
        description
      }
    }
  `,
  [TileFields],
)

type Product = NonNullable<ResultOf<typeof ProductQuery>['product']>

export default function ProductPage() {
  const { id = '' } = useParams()
  return <Known key={id} id={id} />
}

function Known({ id }: { id: string }) {
  const words = useWords(catalogue)
  const { data, problem, reload } = useLoad(ProductQuery, { id })
  if (data?.product) return <Shown product={data.product} />
  if (data || problem?.code === 'NOT_FOUND') return <Gone />
  return (
    <Page title={words.title} unseenTitle ready={false}>
      {problem ? <ErrorPanel problem={problem} onRetry={reload} /> : <ProductSkeleton />}
    </Page>
  )
}

function Shown({ product }: { product: Product }) {
  const words = useWords(catalogue)
  return (
    <Page title={product.name} unseenTitle>
      <article className={css.product}>
        <Picture product={product} eager faded={product.stock === 0} />
        <div className={css.facts}>
          <p className={css.name} aria-hidden="true">
            {product.name}
          </p>
          <p className={css.price}>
            <Money won={product.price} />
          </p>
          <p className={css.stock}>
            <Stock product={product} />
          </p>
          {product.stock > 0 && <Buy product={product} />}
          <section className={css.description}>
            <h2>{words.description}</h2>
            <p>{product.description || words.noDescription}</p>
          </section>
        </div>
      </article>
    </Page>
  )
}

function Buy({ product: { id, price, stock } }: { product: Product }) {
  const words = useWords(catalogue)
  const [, navigate] = useLocation()
  const [quantity, setQuantity] = useState(1)
  const [valid, setValid] = useState(true)
  const add = (then: () => void) => {
    if (!valid) return
    if (addToCart(id, price, quantity)) then()
    else toast(words.full)
  }
  return (
    <div className={css.buy}>
      <Quantity
        label={words.quantity}
        value={quantity}
        most={Math.min(stock, mostPieces)}
        onChange={(entered) => {
          setValid(entered !== undefined)
          if (entered !== undefined) setQuantity(entered)
        }}
      />
      <p className={css.total}>
        {words.total}{' '}
        <b>
          <Money won={price * quantity} />
        </b>
      </p>
      <div className={css.buttons}>
        <Button wide onClick={() => add(() => toast(words.added))}>
          {words.add}
        </Button>
        <Button wide kind="main" onClick={() => add(() => navigate('/checkout'))}>
          {words.buy}
        </Button>
      </div>
    </div>
  )
}

function Gone() {
  const words = useWords(catalogue)
  return (
    <Page title={words.gone} unseenTitle>
      <Notice title={words.gone} text={words.goneText}>
        <ButtonLink href="/products" kind="main">
          {words.all}
        </ButtonLink>
      </Notice>
    </Page>
  )
}

function ProductSkeleton() {
  return (
    <Skeleton className={css.product}>
      <Bone size="square" />
      <div className={css.facts}>
        <Bone size="title" />
        <Bone size="short" />
        <Bone size="block" />
      </div>
    </Skeleton>
  )
}
