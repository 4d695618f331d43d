import { initGraphQLTada } from 'gql.tada'

import type { introspection } from './graphql-env'

/** Types a GraphQL document by the schema. */
export const graphql = initGraphQLTada<{
  introspection: introspection
  disableMasking: true
  scalars: {
    /** RFC 3339, UTC. */
    Time: string
    /** Whole won. */
    Won: number
    /** A day in Asia/Seoul: 2026-01-31. */
    Date: string
    Upload: File
  }
}>()

export type { FragmentOf, ResultOf, TadaDocumentNode, VariablesOf } from 'gql.tada'

/** An enum of the schema, as the union of its values. */
export type Enum<Name extends keyof introspection['types']> = introspection['types'][Name] extends {
  enumValues: infer Value
}
  ? Value
  : never
