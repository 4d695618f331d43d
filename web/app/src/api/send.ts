import type { AnyVariables, OperationContext, TypedDocumentNode } from '@urql/core'
import { useClient } from 'urql'

import { problemOf, type Problem } from './errors'

/** What became of a mutation: its answer, or why there is none. */
export type Sent<Data> = { data: Data; problem?: undefined } | { data?: undefined; problem: Problem }

/**
 * Sends mutations. An answer of UNAUTHENTICATED opens the sign-in dialog, unless the context says asksToSignIn: false, as
 * signing in itself does.
 */
export function useSend() {
  const client = useClient()
  return async <Data, Variables extends AnyVariables>(
    mutation: TypedDocumentNode<Data, Variables>,
    variables: Variables,
    context?: Partial<OperationContext> & { asksToSignIn?: false },
  ): Promise<Sent<Data>> => {
    const { data, error } = await client.mutation(mutation, variables, context).toPromise()
    const problem = problemOf(error)
    if (problem) return { problem }
    return data ? { data } : { problem: { code: 'INTERNAL' } }
  }
}
