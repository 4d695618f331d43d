import { Link, useParams, useSearchParams } from 'wouter'

import { graphql, type ResultOf } from '../../api/graphql'
import { useKept } from '../../api/kept'
import { useLoad } from '../../api/load'
import { Button, ButtonLink } from '../../ui/Button'
import { Money } from '../../ui/Money'
import { Page } from '../../ui/Page'
import { Notice } from '../../ui/Problem'
import { When } from '../../ui/When'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import { OrderFields, OrderPaymentFields } from './order'
import css from './OrderReceipt.module.css'
import { Unshown } from './Unshown'

const ReceiptQuery = graphql(
  `
    query Receipt($id: ID!) {
      shop {
        name
        notices
      }
      viewer {
        id
        email
      }
      order(id: $id) {
        ...OrderFields
        payment {
          ...OrderPaymentFields
        }
      }
    }
  `,
  [OrderFields, OrderPaymentFields],
)

type Shop = ResultOf<typeof ReceiptQuery>['shop']
type Order = NonNullable<ResultOf<typeof ReceiptQuery>['order']>
type Payment = NonNullable<Order['payment']>

const papers = ['a4', 'roll'] as const

/** What a paid order comes to, to be printed: on a sheet of A4, or on a roll of 80 mm. */
export default function OrderReceipt() {
  const { id = '' } = useParams()
  const words = useWords(orders).slip
  const { data, problem, reload } = useLoad(ReceiptQuery, { id })
  const order = useKept(data?.order ?? undefined, data?.viewer)
  if (order && data) {
    const { payment } = order
    if (!payment?.approvedAt) return <None id={id} />
    return <Slip shop={data.shop} order={order} payment={payment} paidAt={payment.approvedAt} />
  }
  return <Unshown title={words.title} answer={data} problem={problem} reload={reload} />
}

function None({ id }: { id: string }) {
  const words = useWords(orders).slip
  return (
    <Page title={words.none} unseenTitle>
      <Notice title={words.none} text={words.noneText}>
        <ButtonLink href={`/orders/${id}`} kind="main">
          {words.order}
        </ButtonLink>
      </Notice>
    </Page>
  )
}

interface SlipProps {
  shop: Shop
  order: Order
  payment: Payment
  paidAt: string
}

function Slip({ shop, order, payment, paidAt }: SlipProps) {
  const words = useWords(orders).slip
  const [params] = useSearchParams()
  const paper = params.get('paper') === 'roll' ? 'roll' : 'a4'
  return (
    <Page title={words.title} unseenTitle narrow>
      <Controls id={order.id} paper={paper} gatewaysOwn={payment.receiptUrl} />
      <article className={`${css.slip} ${css[paper]}`}>
        <header className={css.head}>
          <h2>{words.title}</h2>
          <p className={css.shop}>{shop.name}</p>
        </header>
        <Facts order={order} payment={payment} paidAt={paidAt} />
        <Items order={order} />
        <Sums payment={payment} />
        <footer className={css.foot}>
          <ul>
            {shop.notices.map((notice) => (
              <li key={notice}>{notice}</li>
            ))}
          </ul>
          <p>{words.note}</p>
        </footer>
      </article>
    </Page>
  )
}

interface ControlsProps {
  id: string
  paper: (typeof papers)[number]
  /** The gateway's own receipt. */
  gatewaysOwn: string | null
}

function Controls({ id, paper, gatewaysOwn }: ControlsProps) {
  const words = useWords(orders).slip
  const [, setParams] = useSearchParams()
  return (
    <div className={css.controls}>
      <Link href={`/orders/${id}`}>{words.back}</Link>
      {gatewaysOwn && (
        <a href={gatewaysOwn} target="_blank" rel="noreferrer">
          {words.gateway}
        </a>
      )}
      <div role="group" aria-label={words.paper} className={css.papers}>
        {papers.map((choice) => (
          <button
            key={choice}
            type="button"
            aria-pressed={choice === paper}
            onClick={() => setParams(choice === 'a4' ? {} : { paper: choice }, { replace: true })}
          >
            {words[choice]}
          </button>
        ))}
      </div>
      <Button kind="main" onClick={() => print()}>
        {words.print}
      </Button>
    </div>
  )
}

function Facts({ order, payment, paidAt }: { order: Order; payment: Payment; paidAt: string }) {
  const words = useWords(orders)
  const { pg, method } = useWords(common)
  const { installmentMonths: months } = payment
  return (
    <dl className={css.pairs}>
      <div>
        <dt>{words.number}</dt>
        <dd>{order.number}</dd>
      </div>
      <div>
        <dt>{words.slip.paidAt}</dt>
        <dd>
          <When at={paidAt} />
        </dd>
      </div>
      <div>
        <dt>{words.paidWith}</dt>
        <dd>
          {pg[payment.pg]}
          {payment.method && ` · ${method[payment.method]}`}
          {payment.method === 'CARD' && ` · ${months > 0 ? words.months(months) : words.lump}`}
        </dd>
      </div>
      {payment.paymentKey && (
        <div>
          <dt>{words.slip.transaction}</dt>
          <dd>{payment.paymentKey}</dd>
        </div>
      )}
    </dl>
  )
}

function Items({ order }: { order: Order }) {
  const words = useWords(orders)
  return (
    <table className={css.items}>
      <thead>
        <tr>
          <th scope="col">{words.slip.item}</th>
          <th scope="col">{words.slip.price}</th>
          <th scope="col">{words.slip.quantity}</th>
          <th scope="col">{words.slip.amount}</th>
        </tr>
      </thead>
      <tbody>
        {order.lines.map((line, index) => (
          <tr key={index}>
            <th scope="row">
              {line.name}
              {line.taxFree && ` (${words.taxFree})`}
            </th>
            <td>
              <Money won={line.unitPrice} />
            </td>
            <td>{line.quantity.toLocaleString('ko-KR')}</td>
            <td>
              <Money won={line.amount} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** What was paid and of what it consists, what was given back, and what is left last. */
function Sums({ payment }: { payment: Payment }) {
  const words = useWords(orders).slip
  const done = payment.refunds.filter((refund) => refund.status === 'DONE')
  return (
    <dl className={css.pairs}>
      <Sum name={words.supply} won={payment.amount - payment.taxFreeAmount - payment.vat} />
      <Sum name={words.vat} won={payment.vat} />
      {payment.taxFreeAmount > 0 && <Sum name={words.taxFree} won={payment.taxFreeAmount} />}
      <Sum name={words.paid} won={payment.amount} strong />
      {done.map((refund) => (
        <div key={refund.id}>
          <dt>
            {words.refund} <When at={refund.doneAt ?? refund.requestedAt} />
          </dt>
          <dd className={css.won}>
            <Money won={-refund.amount} />
          </dd>
        </div>
      ))}
      <Sum name={words.net} won={payment.balance} large />
    </dl>
  )
}

interface SumProps {
  name: string
  won: number
  strong?: boolean
  large?: boolean
}

function Sum({ name, won, strong = false, large = false }: SumProps) {
  return (
    <div className={large ? css.large : strong ? css.strong : undefined}>
      <dt>{name}</dt>
      <dd className={css.won}>
        <Money won={won} />
      </dd>
    </div>
  )
}
