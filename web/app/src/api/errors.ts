import type { CombinedError } from '@urql/core'

import type { Enum } from './graphql'

/** A SoldOutLine is what is left of a product that was ordered in a larger quantity. */
export interface SoldOutLine {
  productId: string
  requested: number
  available: number
}

/** A Problem is why something was not done. Pages branch on its code; people read words chosen by it. */
export interface Problem {
  /** OFFLINE: no answer came, so nothing is known of what was done. */
  code: Enum<'ErrorCode'> | 'OFFLINE'
  /** Finds the request in the server's log. */
  requestId?: string
  /** The argument that is not acceptable, as the schema spells it: "lines.0.quantity". */
  field?: string
  /** The state that does not allow it. */
  status?: string
  /** Seconds to wait before trying again. */
  retryAfter?: number
  /** What there is not enough of. */
  soldOut?: SoldOutLine[]
  /** What the gateway said. */
  declined?: { pg: string; code: string; message: string }
}

/** The problem behind an answer's error, or undefined when there is none. */
export function problemOf(error: CombinedError | undefined): Problem | undefined {
  if (!error) return undefined
  const first = error.graphQLErrors[0]
  if (!first) return { code: httpCode(error) }
  const { code, requestId, details = {} } = first.extensions as Extensions
  return {
    code: code ?? 'INTERNAL',
    ...(requestId && { requestId }),
    ...(details.field && { field: details.field }),
    ...(details.status && { status: details.status }),
    ...(details.retryAfter && { retryAfter: details.retryAfter }),
    ...(details.lines && { soldOut: details.lines }),
    ...(details.pg && { declined: { pg: details.pg, code: details.code ?? '', message: details.message ?? '' } }),
  }
}

interface Extensions {
  code?: Enum<'ErrorCode'>
  requestId?: string
  details?: {
    field?: string
    status?: string
    retryAfter?: number
    lines?: SoldOutLine[]
    pg?: string
    code?: string
    message?: string
  }
}

/** What a proxy in front of the server means when it answers without GraphQL. */
function httpCode(error: CombinedError): Problem['code'] {
  const response = error.response as Response | undefined
  if (response?.status === 429) return 'RATE_LIMITED'
  return response && response.status >= 500 ? 'UNAVAILABLE' : 'OFFLINE'
}

/** Whether the problem says for certain that the intent was decided on, so that the next one is another. */
export function isDefinite({ code }: Problem): boolean {
  return code === 'SOLD_OUT' || code === 'INVALID' || code === 'CONFLICT' || code === 'DECLINED'
}
