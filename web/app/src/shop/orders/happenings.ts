import type { orders } from '../../words/orders'
import type { Happened } from '../../words/ko/orders'
import type { Order, PaymentFacts } from './order'

type Words = (typeof orders)['ko']

/** A line of an order's record, in words. */
export interface Line {
  key: string
  at: string
  text: string
}

interface Event {
  version: number
  kind: string
  note: string | null
  at: string
}

interface Reading {
  words: Words
  won: (amount: number) => string
  gateway: (name: string) => string
}

/** What happened to an order and its payment, oldest first; without what says nothing to a shopper. */
export function timeline(order: Order, reading: Reading): Line[] {
  const { payment } = order
  return [
    ...order.history.map((event) => line('order', event, wordsOf(event, payment, reading))),
    ...(payment?.history ?? []).map((event) => line('payment', event, wordsOf(event, payment, reading))),
  ]
    .filter((each) => each.text !== '')
    .sort((a, b) => Date.parse(a.at) - Date.parse(b.at))
}

function line(of: string, { version, at }: Event, text: string): Line {
  return { key: `${of} ${version}`, at, text }
}

function wordsOf({ kind, note, at }: Event, payment: PaymentFacts | null, { words, won, gateway }: Reading): string {
  const given = payment?.refunds.find((refund) => refund.doneAt === at)?.amount
  switch (kind) {
    case 'payment.opened':
      return note ? words.opened(gateway(note)) : words.happened[kind]
    case 'payment.approved':
      return payment ? words.approved(won(payment.amount)) : words.happened[kind]
    case 'payment.partially_canceled':
    case 'payment.canceled':
      return given ? words.refundedOf(won(given)) : words.happened[kind]
    case 'payment.late_money_returned':
      return given ? words.lateReturned(won(given)) : words.happened[kind]
    default:
      return isTold(kind, words) ? words.happened[kind] : ''
  }
}

function isTold(kind: string, words: Words): kind is Happened {
  return Object.hasOwn(words.happened, kind)
}
