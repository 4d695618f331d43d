import type { ComponentType } from 'react'

import type { Enum } from '../api/graphql'
import { common } from '../words/common'
import { useWords } from '../words/language'
import { Alert, Asking, CheckRound, Clock, CrossRound, Return } from './icons'
import css from './Status.module.css'

type Tone = 'good' | 'wait' | 'bad' | 'calm'
type Look = readonly [Tone, ComponentType<{ size?: number }>]

const orderLooks: Record<Enum<'OrderStatus'>, Look> = {
  PLACED: ['wait', Clock],
  PAID: ['good', CheckRound],
  CANCELED: ['calm', CrossRound],
  EXPIRED: ['calm', Clock],
}

const paymentLooks: Record<Enum<'PaymentStatus'>, Look> = {
  READY: ['wait', Clock],
  APPROVING: ['wait', Asking],
  UNKNOWN: ['wait', Asking],
  WAITING_FOR_DEPOSIT: ['wait', Clock],
  APPROVED: ['good', CheckRound],
  CANCELING: ['wait', Return],
  PARTIALLY_CANCELED: ['calm', Return],
  CANCELED: ['calm', Return],
  FAILED: ['bad', Alert],
  EXPIRED: ['calm', Clock],
}

const refundLooks: Record<Enum<'RefundStatus'>, Look> = {
  REQUESTED: ['wait', Clock],
  UNKNOWN: ['wait', Asking],
  DONE: ['good', CheckRound],
  FAILED: ['bad', Alert],
}

type StatusProps =
  | { order: Enum<'OrderStatus'>; payment?: undefined; refund?: undefined }
  | { payment: Enum<'PaymentStatus'>; order?: undefined; refund?: undefined }
  | { refund: Enum<'RefundStatus'>; order?: undefined; payment?: undefined }

/** A state by colour, icon and word together. */
export function Status({ order, payment, refund }: StatusProps) {
  const words = useWords(common)
  if (order) return <Badge look={orderLooks[order]} word={words.orderStatus[order]} />
  if (payment) return <Badge look={paymentLooks[payment]} word={words.paymentStatus[payment]} />
  return <Badge look={refundLooks[refund]} word={words.refundStatus[refund]} />
}

function Badge({ look: [tone, Icon], word }: { look: Look; word: string }) {
  return (
    <span className={`${css.badge} ${css[tone]}`}>
      <Icon size={16} />
      {word}
    </span>
  )
}
