import { Link } from 'wouter'

import { Plus } from '../../ui/icons'
import { Money } from '../../ui/Money'
import { toast } from '../../ui/Toast'
import { catalogue } from '../../words/catalogue'
import { useWords } from '../../words/language'
import { addToCart } from '../cart/cart'
import css from './Catalogue.module.css'
import { Picture } from './Picture'
import type { TileProduct } from './useProducts'

/** How few must be left for it to be worth saying. */
const few = 5

export function Tile({ product, eager }: { product: TileProduct; eager: boolean }) {
  const words = useWords(catalogue)
  const { id, name, price, stock } = product
  return (
    <article className={css.tile}>
      <Link href={`/products/${id}`} className={css.link}>
        <Picture product={product} eager={eager} faded={stock === 0} />
        <h2 className={css.name}>{name}</h2>
      </Link>
      <p className={css.facts}>
        <b>
          <Money won={price} />
        </b>
        <Stock product={product} />
      </p>
      {stock > 0 && (
        <button
          type="button"
          className={css.add}
          aria-label={words.addNamed(name)}
          title={words.add}
          onClick={() => toast(addToCart(id, price, 1) ? words.added : words.full)}
        >
          <Plus />
        </button>
      )}
    </article>
  )
}

/** What there is to say about how many are left, and about tax. */
export function Stock({ product: { stock, taxFree } }: { product: Pick<TileProduct, 'stock' | 'taxFree'> }) {
  const words = useWords(catalogue)
  return (
    <>
      {stock === 0 && <span className={css.soldOut}>{words.soldOut}</span>}
      {stock > 0 && stock <= few && <span className={css.few}>{words.left(stock)}</span>}
      {taxFree && <span className={css.taxFree}>{words.taxFree}</span>}
    </>
  )
}
