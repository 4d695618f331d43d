import { useState } from 'react'
import { Link, Redirect } from 'wouter'

import type { Problem } from '../../api/errors'
import { askToSignIn } from '../../api/session'
import { Button, ButtonLink } from '../../ui/Button'
import { Money, useWon } from '../../ui/Money'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice, Refusal } from '../../ui/Problem'
import { Bone, Skeleton } from '../../ui/Skeleton'
import { useAction } from '../../ui/useAction'
import { cart as cartWords } from '../../words/cart'
import { checkout } from '../../words/checkout'
import { useWords } from '../../words/language'
import { orderFrom } from '../cart/cart'
import { orderable, taxFreeOf, totalOf, useCartLines, type FilledLine } from '../cart/useCartLines'
import { Picture } from '../catalogue/Picture'
import { useGateways } from '../payment/useGateways'
import { useWay, Ways } from '../payment/Ways'
import css from './Checkout.module.css'
import { SoldOut } from './SoldOut'
import { useDraft } from './useDraft'
import { usePlaceOrder } from './usePlaceOrder'

/** What is ordered, what it costs and how it is paid, before one press does it all. */
export default function Checkout() {
  const words = useWords(checkout)
  const { cart, lines, problem, reload } = useCartLines()
  const [startedWith] = useState(cart.key)
  const chosen = lines && orderable(lines)
  const placed = cart.key === startedWith ? undefined : orderFrom(startedWith)
  if (placed) return <Redirect to={`/orders/${placed}`} replace />
  return (
    <Page title={words.title} ready={lines !== undefined}>
      {cart.lines.length === 0 || chosen?.length === 0 ? (
        <NothingToOrder />
      ) : chosen ? (
        <Form cart={cart.key} lines={chosen} left={chosen.length < cart.lines.length} reload={reload} />
      ) : problem ? (
        <ErrorPanel problem={problem} onRetry={reload} />
      ) : (
        <CheckoutSkeleton />
      )}
    </Page>
  )
}

function NothingToOrder() {
  const words = useWords(cartWords)
  return (
    <Notice title={words.nothingLeft}>
      <ButtonLink href="/cart">{words.title}</ButtonLink>
      <ButtonLink href="/" kind="quiet">
        {words.browse}
      </ButtonLink>
    </Notice>
  )
}

interface FormProps {
  /** The key of the cart. */
  cart: string
  lines: FilledLine[]
  /** Whether something in the cart cannot be ordered. */
  left: boolean
  reload: () => void
}

function Form({ cart, lines, left, reload }: FormProps) {
  const words = useWords(checkout)
  const won = useWon()
  const { shop, viewer, problem: unknownShop, reload: reloadShop } = useGateways()
  const [unagreed, setUnagreed] = useState(false)
  const [problem, setProblem] = useState<Problem>()
  const placeOrder = usePlaceOrder()
  const total = totalOf(lines)
  const [{ way: chosen, agreed }, change] = useDraft(cart, total)
  const { way, missing } = useWay(shop?.gateways ?? [], chosen)
  const [submit, busy] = useAction(async () => {
    setProblem(undefined)
    setUnagreed(!agreed)
    if (!agreed || !way) return
    if (viewer === null) return askToSignIn()
    const refused = await placeOrder(lines, total, way)
    setProblem(refused)
    if (refused && isUnlisted(refused)) reload()
  })
  if (!shop) return unknownShop ? <ErrorPanel problem={unknownShop} onRetry={reloadShop} /> : <CheckoutSkeleton />
  return (
    <form
      className={css.columns}
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <div className={css.main}>
        <Lines lines={lines} left={left} />
        <Ways gateways={shop.gateways} total={total} way={way} onChoose={(next) => change({ way: next })} />
      </div>
      <section className={css.summary} aria-label={words.total}>
        <Sums lines={lines} />
        <p className={css.hold}>{words.hold(Math.round(shop.orderHoldSeconds / 60))}</p>
        <label className={css.agree}>
          <input
            type="checkbox"
            checked={agreed}
            aria-invalid={unagreed && !agreed ? true : undefined}
            aria-describedby={unagreed && !agreed ? 'agree-first' : undefined}
            onChange={(event) => change({ agreed: event.currentTarget.checked })}
          />
          {words.agree}
        </label>
        <div role="alert">
          {unagreed && !agreed && (
            <p id="agree-first" className={css.wrong}>
              {words.agreeFirst}
            </p>
          )}
        </div>
        {problem?.soldOut ? (
          <SoldOut lines={lines} shortOf={problem.soldOut} onAdjusted={() => setProblem(undefined)} reload={reload} />
        ) : problem && isUnlisted(problem) ? (
          <p role="alert" className={css.wrong}>
            {words.unlisted}
          </p>
        ) : (
          <Refusal problem={problem} />
        )}
        <div className={css.bar}>
          {viewer === null && <p className={css.hold}>{words.signInToOrder}</p>}
          <Button
            type="submit"
            kind="main"
            wide
            money
            busy={busy}
            busyLabel={words.ordering}
            blocked={missing}
          >
            {viewer === null ? words.signIn(won(total)) : words.order(won(total))}
          </Button>
        </div>
      </section>
    </form>
  )
}

/** Whether the order was refused because of a product that is no longer sold. */
function isUnlisted({ field = '' }: Problem): boolean {
  return /^lines\.\d+\.productId$/.test(field)
}

function Lines({ lines, left }: { lines: FilledLine[]; left: boolean }) {
  const words = useWords(checkout)
  return (
    <section className={css.section} aria-labelledby="order-lines">
      <div className={css.sectionHead}>
        <h2 id="order-lines">{words.lines}</h2>
        <Link href="/cart">{words.edit}</Link>
      </div>
      <ul className={css.lines}>
        {lines.map(({ id, quantity, amount, product }) => (
          <li key={id} className={css.line}>
            <Picture product={{ id, imageUrl: product?.imageUrl ?? null }} />
            <span>
              {product?.name} <span className={css.pieces}>{words.pieces(quantity)}</span>
            </span>
            <b>
              <Money won={amount} />
            </b>
          </li>
        ))}
      </ul>
      {left && <p className={css.hold}>{words.left}</p>}
    </section>
  )
}

function Sums({ lines }: { lines: FilledLine[] }) {
  const words = useWords(checkout)
  const taxFree = taxFreeOf(lines)
  return (
    <dl className={css.sums}>
      <dt>{words.total}</dt>
      <dd className={css.total}>
        <Money won={totalOf(lines)} />
      </dd>
      {taxFree > 0 && (
        <>
          <dt className={css.hold}>{words.taxFree}</dt>
          <dd className={css.hold}>
            <Money won={taxFree} />
          </dd>
        </>
      )}
    </dl>
  )
}

function CheckoutSkeleton() {
  return (
    <Skeleton className={css.columns}>
      <div className={css.main}>
        <Bone size="title" />
        <Bone size="block" />
        <Bone size="block" />
      </div>
      <Bone size="block" />
    </Skeleton>
  )
}
