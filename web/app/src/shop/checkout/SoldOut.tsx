import type { SoldOutLine } from '../../api/errors'
import { Button } from '../../ui/Button'
import { toast } from '../../ui/Toast'
import { checkout } from '../../words/checkout'
import { useWords } from '../../words/language'
import { removeFromCart, setQuantity } from '../cart/cart'
import type { FilledLine } from '../cart/useCartLines'
import css from './Checkout.module.css'

interface SoldOutProps {
  lines: FilledLine[]
  shortOf: SoldOutLine[]
  onAdjusted: () => void
  reload: () => void
}

/** Names what there is not enough of, and offers to take what is left. */
export function SoldOut({ lines, shortOf, onAdjusted, reload }: SoldOutProps) {
  const words = useWords(checkout)
  const adjust = () => {
    for (const { productId, available } of shortOf) {
      if (available > 0) setQuantity(productId, available)
      else removeFromCart(productId)
    }
    reload()
    onAdjusted()
    toast(words.adjusted)
  }
  return (
    <div role="alert" className={css.soldOut}>
      <p>{words.soldOut}</p>
      <ul>
        {shortOf.map(({ productId, requested, available }) => {
          const name = lines.find(({ id }) => id === productId)?.product?.name ?? productId
          return <li key={productId}>{words.soldOutLine(name, requested, available)}</li>
        })}
      </ul>
      <Button onClick={adjust}>{words.adjust}</Button>
    </div>
  )
}
