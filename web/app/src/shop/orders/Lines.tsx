import { Link } from 'wouter'

import { Money, useWon } from '../../ui/Money'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import css from './OrderPage.module.css'
import type { Order } from './order'

/** What was ordered, at the prices of then. */
export function Lines({ order }: { order: Order }) {
  const words = useWords(orders)
  const won = useWon()
  return (
    <section className={css.section} aria-labelledby="lines">
      <h2 id="lines">{words.lines}</h2>
      <ul className={css.lines}>
        {order.lines.map((line, index) => (
          <li key={index}>
            <span>
              <Link href={`/products/${line.productId}`}>{line.name}</Link>
              <span className={css.soft}>
                {words.each(won(line.unitPrice), line.quantity.toLocaleString('ko-KR'))}
                {line.taxFree && ` · ${words.taxFree}`}
              </span>
            </span>
            <span className={css.amount}>
              <Money won={line.amount} />
            </span>
          </li>
        ))}
      </ul>
      <dl className={css.pairs}>
        {order.taxFreeTotal > 0 && (
          <div>
            <dt>{words.taxFreeTotal}</dt>
            <dd>
              <Money won={order.taxFreeTotal} />
            </dd>
          </div>
        )}
        <div className={css.sum}>
          <dt>{words.total}</dt>
          <dd>
            <Money won={order.total} />
          </dd>
        </div>
      </dl>
    </section>
  )
}
