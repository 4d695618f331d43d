import { Link, useLocation } from 'wouter'

import { Button, ButtonLink } from '../../ui/Button'
import { Bin } from '../../ui/icons'
import { Money, useWon } from '../../ui/Money'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice } from '../../ui/Problem'
import { Bone, Skeleton } from '../../ui/Skeleton'
import { toast } from '../../ui/Toast'
import { cart as cartWords } from '../../words/cart'
import { useWords } from '../../words/language'
import { Picture } from '../catalogue/Picture'
import { acceptPrices, mostPieces, removeFromCart, setQuantity } from './cart'
import css from './Cart.module.css'
import { Quantity } from './Quantity'
import { orderable, taxFreeOf, totalOf, useCartLines, type FilledLine } from './useCartLines'

export default function Cart() {
  const words = useWords(cartWords)
  const { cart, lines, problem, reload } = useCartLines()
  return (
    <Page title={words.title} ready={lines !== undefined || cart.lines.length === 0}>
      {cart.lines.length === 0 ? (
        <Empty />
      ) : lines ? (
        <div className={css.columns}>
          <ul className={css.lines}>
            {lines.map((line) => (
              <li key={line.id}>
                <Line line={line} />
              </li>
            ))}
          </ul>
          <Summary lines={lines} />
        </div>
      ) : problem ? (
        <ErrorPanel problem={problem} onRetry={reload} />
      ) : (
        <CartSkeleton count={cart.lines.length} />
      )}
    </Page>
  )
}

function Empty() {
  const words = useWords(cartWords)
  return (
    <Notice title={words.empty} text={words.emptyText}>
      <ButtonLink href="/" kind="main">
        {words.browse}
      </ButtonLink>
    </Notice>
  )
}

function Line({ line }: { line: FilledLine }) {
  const words = useWords(cartWords)
  const { id, quantity, product } = line
  const name = product?.name ?? words.goneName
  const sold = product !== undefined && product.stock > 0
  return (
    <article className={sold ? css.line : `${css.line} ${css.out}`}>
      <Link href={`/products/${id}`} className={css.picture} tabIndex={-1} aria-hidden="true">
        <Picture product={{ id, imageUrl: product?.imageUrl ?? null }} faded={!sold} />
      </Link>
      <div className={css.facts}>
        <h2 className={css.name}>{product ? <Link href={`/products/${id}`}>{name}</Link> : <s>{name}</s>}</h2>
        <Price line={line} />
        <Remark line={line} />
        {sold && (
          <Quantity
            label={words.quantityOf(name)}
            value={quantity}
            most={Math.min(product.stock, mostPieces)}
            onChange={(entered) => entered && setQuantity(id, entered)}
          />
        )}
      </div>
      <div className={css.end}>
        {sold && (
          <b>
            <Money won={line.amount} />
          </b>
        )}
        <button
          type="button"
          className={css.remove}
          aria-label={words.removeNamed(name)}
          title={words.remove}
          onClick={() => {
            removeFromCart(id)
            toast(words.removed)
          }}
        >
          <Bin />
        </button>
      </div>
    </article>
  )
}

/** The price of one, and the other price that it had when it was put in. */
function Price({ line: { price: before, product } }: { line: FilledLine }) {
  const words = useWords(cartWords)
  const won = useWon()
  if (!product) return null
  const changed = product.price !== before
  return (
    <p className={css.price}>
      <Money won={product.price} />
      {changed && (
        <>
          {' '}
          <s className={css.before}>{words.was(won(before))}</s>
        </>
      )}
    </p>
  )
}

function Remark({ line: { price, quantity, product, reducedFrom } }: { line: FilledLine }) {
  const words = useWords(cartWords)
  const remarks = [
    !product && words.gone,
    product?.stock === 0 && words.soldOut,
    reducedFrom && reducedFrom > quantity && product && product.stock > 0 && words.reduced(reducedFrom, quantity),
    product && product.price > price && words.dearer,
    product && product.price < price && words.cheaper,
  ].filter((remark) => typeof remark === 'string')
  return (
    <div role="status">
      {remarks.map((remark) => (
        <p key={remark} className={css.remark}>
          {remark}
        </p>
      ))}
    </div>
  )
}

function Summary({ lines }: { lines: FilledLine[] }) {
  const words = useWords(cartWords)
  const won = useWon()
  const [, navigate] = useLocation()
  const total = totalOf(lines)
  const taxFree = taxFreeOf(lines)
  const none = orderable(lines).length === 0
  return (
    <section className={css.summary} aria-label={words.summary}>
      <dl className={css.sums}>
        <dt>{words.total}</dt>
        <dd>
          <Money won={total} />
        </dd>
        {taxFree > 0 && (
          <>
            <dt className={css.part}>{words.taxFree}</dt>
            <dd className={css.part}>
              <Money won={taxFree} />
            </dd>
          </>
        )}
      </dl>
      {none && <p>{words.nothingLeft}</p>}
      <div className={css.bar}>
        {none ? (
          <ButtonLink href="/" wide>
            {words.browse}
          </ButtonLink>
        ) : (
          <Button
            kind="main"
            wide
            onClick={() => {
              acceptPrices(new Map(lines.map(({ id, price, product }) => [id, product?.price ?? price])))
              navigate('/checkout')
            }}
          >
            {words.order(won(total))}
          </Button>
        )}
      </div>
    </section>
  )
}

function CartSkeleton({ count }: { count: number }) {
  return (
    <Skeleton className={css.columns}>
      <div className={css.lines}>
        {Array.from({ length: Math.min(count, 6) }, (_, place) => (
          <Bone key={place} size="block" />
        ))}
      </div>
      <Bone size="block" />
    </Skeleton>
  )
}
