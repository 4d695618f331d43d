import { Money } from '../../ui/Money'
import { Status } from '../../ui/Status'
import { When } from '../../ui/When'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import css from './OrderPage.module.css'
import type { Order } from './order'

/** What was given back, or was asked for. */
export function Refunds({ order: { payment } }: { order: Order }) {
  const words = useWords(orders)
  if (!payment || payment.refunds.length === 0) return null
  return (
    <section className={css.section} aria-labelledby="refunds">
      <h2 id="refunds">{words.refunds}</h2>
      <ul className={css.lines}>
        {payment.refunds.map((refund) => (
          <li key={refund.id}>
            <span>
              <span className={css.soft}>
                <When at={refund.doneAt ?? refund.requestedAt} />
              </span>
              {refund.reason}
              {refund.status === 'FAILED' && <span className={css.soft}>{words.refundFailed}</span>}
              <span>
                <Status refund={refund.status} />
              </span>
            </span>
            <span className={css.amount}>
              <Money won={-refund.amount} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}
