import { Money } from '../../ui/Money'
import { Status } from '../../ui/Status'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import css from './OrderPage.module.css'
import type { Order } from './order'

/** How the order was paid, and what of it still is. */
export function PaymentSummary({ order: { payment } }: { order: Order }) {
  const words = useWords(orders)
  const { pg, method } = useWords(common)
  if (!payment?.approvedAt) return null
  const { installmentMonths: months } = payment
  return (
    <section className={css.section} aria-labelledby="payment">
      <div className={css.head}>
        <h2 id="payment">{words.payment}</h2>
        <Status payment={payment.status} />
      </div>
      <dl className={css.pairs}>
        <div>
          <dt>{words.paidWith}</dt>
          <dd>
            {pg[payment.pg]}
            {payment.method && ` · ${method[payment.method]}`}
            {months > 0 && ` · ${words.months(months)}`}
          </dd>
        </div>
        {payment.refundedAmount > 0 && (
          <>
            <div>
              <dt>{words.refunded}</dt>
              <dd>
                <Money won={-payment.refundedAmount} />
              </dd>
            </div>
            <div className={css.sum}>
              <dt>{words.net}</dt>
              <dd>
                <Money won={payment.balance} />
              </dd>
            </div>
          </>
        )}
      </dl>
    </section>
  )
}
