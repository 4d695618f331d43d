/** What the server answers to who asks for a code. */
export interface Requested {
  verificationId: string
  expiresAt: string
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
