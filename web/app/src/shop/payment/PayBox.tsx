import { useState } from 'react'

import { Button } from '../../ui/Button'
import { useWon } from '../../ui/Money'
import { Refusal } from '../../ui/Problem'
import { useAction } from '../../ui/useAction'
import { useNow } from '../../ui/When'
import { useWords } from '../../words/language'
import { payment as paymentWords } from '../../words/payment'
import type { OrderOfPanel, PaymentOfPanel } from './fields'
import { leave } from './leaving'
import { seenTotal, usePay, useRefused, type Way } from './pay'
import css from './PayBox.module.css'
import { useGateways } from './useGateways'
import { useWay, Ways } from './Ways'

interface PayBoxProps {
  order: OrderOfPanel
  /** A payment that is open at its gateway, and can be gone on with. */
  open: PaymentOfPanel | null
  again?: boolean
}

/** Pays an order that is placed: goes on with what was begun, or chooses how. */
export function PayBox({ order, open, again = false }: PayBoxProps) {
  const words = useWords(paymentWords)
  const won = useWon()
  const refused = useRefused(order.id)
  const seen = seenTotal(order.id)
  const timeUp = useNow(1) >= Date.parse(order.expiresAt) ? words.timeUp : undefined
  const amount = won(order.total)
  return (
    <div className={css.box}>
      {seen !== undefined && seen !== order.total && (
        <p role="alert" className={css.moved}>
          {words.priceMoved(won(seen), amount)}
        </p>
      )}
      <Refusal problem={refused} />
      {open?.checkoutUrl ? (
        <>
          <Button kind="main" wide money blocked={timeUp} onClick={() => leave(open.pg, open.checkoutUrl!)}>
            {words.pay(amount)}
          </Button>
          <details className={css.other}>
            <summary>{words.otherWay}</summary>
            <Choose order={order} label={words.pay(amount)} blocked={timeUp} />
          </details>
        </>
      ) : (
        <Choose order={order} label={again ? words.payAgain(amount) : words.pay(amount)} blocked={timeUp} />
      )}
    </div>
  )
}

function Choose({ order, label, blocked }: { order: OrderOfPanel; label: string; blocked: string | undefined }) {
  const words = useWords(paymentWords)
  const { shop } = useGateways()
  const pay = usePay()
  const [chosen, choose] = useState<Way>()
  const { way, missing } = useWay(shop?.gateways ?? [], chosen)
  const [press, busy] = useAction(async () => {
    if (way) await pay(order.id, way, order.payment?.attempts.length ?? 0)
  })
  if (!shop) return null
  return (
    <div className={css.choose}>
      <Ways gateways={shop.gateways} total={order.total} way={way} onChoose={choose} />
      <Button
        kind="main"
        wide
        money
        busy={busy}
        busyLabel={words.paying}
        blocked={blocked ?? missing}
        onClick={press}
      >
        {label}
      </Button>
    </div>
  )
}
