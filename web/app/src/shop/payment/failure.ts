import type { payment } from '../../words/payment'

type Words = (typeof payment)['ko']

/**
 * Why a payment failed, in words: our own for the codes that have them, else the gateway's, which are Korean. What the
 * server says in English is for developers.
 */
export function failureText({ code, message }: { code: string; message: string }, words: Words): string | undefined {
  if (Object.hasOwn(words.failures, code)) return words.failures[code as keyof Words['failures']]
  return /\p{Script=Hangul}/u.test(message) ? words.answer(message) : undefined
}
