import { useState } from 'react'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { keyFor, settle } from '../../api/once'
import { useSend } from '../../api/send'
import { Button } from '../../ui/Button'
import { Dialog } from '../../ui/Dialog'
import { useWon } from '../../ui/Money'
import { Refusal } from '../../ui/Problem'
import { toast } from '../../ui/Toast'
import { useAction } from '../../ui/useAction'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import { faultsOf, useFaults } from '../account/useFaults'
import form from '../account/Form.module.css'
import css from './OrderPage.module.css'
import { OrderFields, OrderPaymentFields, type Order } from './order'
import { RefundAccount } from './RefundAccount'

const CancelOrder = graphql(
  `
    mutation CancelOrder($input: CancelOrderInput!) {
      cancelOrder(input: $input) {
        order {
          ...OrderFields
          payment {
            ...OrderPaymentFields
          }
        }
      }
    }
  `,
  [OrderFields, OrderPaymentFields],
)

/** Offers to cancel the order while that can be done, and to give back what came too late for it. */
export function Cancel({ order, reload }: { order: Order; reload: () => void }) {
  const words = useWords(orders)
  const [asking, setAsking] = useState(false)
  if (!asking && !canCancel(order)) return null
  return (
    <>
      <Button kind={isLate(order) ? 'main' : 'danger'} money onClick={() => setAsking(true)}>
        {isLate(order) ? words.cancel.lateButton : words.cancel.button}
      </Button>
      {asking && <CancelDialog order={order} reload={reload} onClose={() => setAsking(false)} />}
    </>
  )
}

/** Whether money came into a virtual account after the order had ended: the shopper has to say where it goes back to. */
function isLate({ status, payment }: Order): boolean {
  return status !== 'PLACED' && status !== 'PAID' && payment !== null && payment.refundNeedsAccount
}

function canCancel(order: Order): boolean {
  const { status, payment } = order
  if (isLate(order)) return true
  if (status !== 'PLACED' && status !== 'PAID') return false
  return payment === null || !['APPROVING', 'UNKNOWN', 'CANCELING'].includes(payment.status)
}

interface CancelDialogProps {
  order: Order
  reload: () => void
  onClose: () => void
}

/** What a refused refund account is refused with, by the gateway's own codes. */
const accountRefused = ['INVALID_REFUND_ACCOUNT_INFO', 'INVALID_REFUND_ACCOUNT_NUMBER', 'INVALID_BANK']

function CancelDialog({ order, reload, onClose }: CancelDialogProps) {
  const words = useWords(orders).cancel
  const won = useWon()
  const send = useSend()
  const [problem, setProblem] = useState<Problem>()
  const { form: fields, faults, setFaults } = useFaults()
  const late = isLate(order)
  const paid = late ? order.total : order.status === 'PAID' ? (order.payment?.balance ?? 0) : 0
  const needsAccount = paid > 0 && order.payment!.refundNeedsAccount
  const [cancel, busy] = useAction(async () => {
    const account = needsAccount ? accountOf(new FormData(fields.current!)) : undefined
    const found = account && accountFaults(account, words)
    setProblem(undefined)
    setFaults(found ?? {})
    if (found) return
    const input = { orderId: order.id, ...(account && { refundAccount: account }) }
    const scope = `cancel:${order.id}`
    const sent = await send(CancelOrder, { input: { ...input, idempotencyKey: keyFor(scope, input) } })
    settle(scope, sent.problem)
    if (sent.data) {
      toast(late ? words.lateDone(won(paid)) : paid > 0 ? words.refundedDone(won(paid)) : words.done)
      onClose()
      return
    }
    const { code, field, declined } = sent.problem
    if (code === 'IN_PROGRESS') {
      toast(words.wait)
      reload()
      onClose()
    } else if (code === 'INVALID' && field?.startsWith('refundAccount.')) {
      setFaults({ [field.slice('refundAccount.'.length)]: faultOf(field, words) })
    } else if (code === 'DECLINED' && needsAccount && accountRefused.includes(declined?.code ?? '')) {
      setFaults({ accountNumber: words.accountRefused })
    } else if (declined) {
      setProblem({ ...sent.problem, declined: { ...declined, message: words.notRefunded } })
    } else {
      setProblem(sent.problem)
      if (code === 'CONFLICT') reload()
    }
  })
  return (
    <Dialog title={late ? words.lateTitle : words.title} onClose={() => !busy && onClose()}>
      <form
        ref={fields}
        noValidate
        className={form.form}
        onSubmit={(event) => {
          event.preventDefault()
          cancel()
        }}
      >
        <p>{late ? words.late(won(paid)) : question(order, paid, won, words)}</p>
        {needsAccount && <RefundAccount faults={faults} />}
        {paid > 0 && !needsAccount && <p className={css.soft}>{words.card}</p>}
        <Refusal problem={problem} />
        <div className={css.buttons}>
          <Button onClick={() => !busy && onClose()}>{words.keep}</Button>
          <Button
            type="submit"
            kind={late ? 'main' : 'danger'}
            money
            busy={busy}
            busyLabel={paid > 0 ? words.refunding : words.canceling}
          >
            {late ? words.lateRefund(won(paid)) : paid > 0 ? words.refund(won(paid)) : words.confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

type Words = (typeof orders)['ko']['cancel']

function question({ payment }: Order, paid: number, won: (amount: number) => string, words: Words): string {
  if (payment?.status === 'WAITING_FOR_DEPOSIT') return words.waiting
  if (paid === 0) return words.unpaid
  return payment!.refundedAmount > 0 ? words.rest(won(paid)) : words.paid(won(paid))
}

interface Account {
  bankCode: string
  accountNumber: string
  holderName: string
}

/** The account as it was typed; digits may have dashes between them, or be in full width. */
function accountOf(data: FormData): Account {
  const text = (name: string) => String(data.get(name) ?? '').trim()
  return {
    bankCode: text('bankCode'),
    accountNumber: text('accountNumber').normalize('NFKC').replace(/[\s-]/g, ''),
    holderName: text('holderName'),
  }
}

function accountFaults({ bankCode, accountNumber, holderName }: Account, words: Words) {
  return faultsOf({
    bankCode: bankCode === '' && words.needBank,
    accountNumber: !/^\d{6,20}$/.test(accountNumber) && words.needNumber,
    holderName: (holderName === '' || [...holderName].length > 60) && words.needHolder,
  })
}

function faultOf(field: string, words: Words): string {
  if (field.endsWith('bankCode')) return words.needBank
  return field.endsWith('holderName') ? words.needHolder : words.needNumber
}
