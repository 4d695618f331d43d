import type { Sent } from '../../api/send'

/** What the server answers to who asks for a code. */
export interface Requested {
  verificationId: string
  expiresAt: string
}

/** What a mutation that has a code mailed was answered, given where in its data that is. */
export function requested<Data>(sent: Sent<Data>, answerIn: (data: Data) => Requested | null): Sent<Requested> {
  if (sent.problem) return sent
  const answer = answerIn(sent.data)
  return answer ? { data: answer } : { problem: { code: 'INTERNAL' } }
}

/** A code that was mailed. */
export interface Mailed extends Requested {
  email: string
  sentAt: number
}

/** As many wrong codes as spend a verification. */
export const mostTries = 5
/** Seconds before another code can be asked for. */
export const resendAfter = 30
