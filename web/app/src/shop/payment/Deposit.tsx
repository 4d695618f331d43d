import type { ReactNode } from 'react'

import { Button } from '../../ui/Button'
import { copy } from '../../ui/copy'
import { Clock, Copy } from '../../ui/icons'
import { Money } from '../../ui/Money'
import { toast } from '../../ui/Toast'
import { useNow, useSeoul } from '../../ui/When'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { payment as paymentWords } from '../../words/payment'
import css from './Deposit.module.css'
import type { PaymentOfPanel } from './fields'
import { Head } from './Head'

/** Where to transfer the money, how much exactly, and until when. */
export function Deposit({ payment: { amount, virtualAccount }, actions }: { payment: PaymentOfPanel; actions: ReactNode }) {
  const words = useWords(paymentWords)
  const { copied } = useWords(common)
  const seoul = useSeoul()
  const now = useNow(5)
  if (!virtualAccount) return <Head icon={Clock} tone="wait" title={words.deposit} />
  const { bankName, accountNumber, holderName, dueAt } = virtualAccount
  if (now >= Date.parse(dueAt)) return <Over actions={actions} />
  return (
    <>
      <Head
        icon={Clock}
        tone="wait"
        title={words.deposit}
        text={
          <p>
            <b>{words.depositBy(seoul(dueAt, 'deadline'))}</b> {words.depositExactly}
          </p>
        }
      />
      <dl className={css.account}>
        <dt>{words.bank}</dt>
        <dd>{bankName}</dd>
        <dt>{words.accountNumber}</dt>
        <dd className={css.number}>{accountNumber}</dd>
        {holderName && (
          <>
            <dt>{words.holder}</dt>
            <dd>{holderName}</dd>
          </>
        )}
        <dt>{words.amount}</dt>
        <dd className={css.number}>
          <Money won={amount} />
        </dd>
      </dl>
      <Button onClick={() => void copy(accountNumber).then(() => toast(copied))}>
        <Copy />
        {words.copyAccount}
      </Button>
      {actions}
    </>
  )
}

/** Nobody is to transfer money to an account that closes; what was on its way is still waited for. */
function Over({ actions }: { actions: ReactNode }) {
  const words = useWords(paymentWords)
  return (
    <>
      <Head icon={Clock} tone="wait" title={words.depositOver} text={words.depositOverText} />
      {actions}
    </>
  )
}
