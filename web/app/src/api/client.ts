import { Client, fetchExchange, mapExchange, subscriptionExchange } from '@urql/core'
import { cacheExchange, type Cache } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import type { Sink } from 'graphql-ws'

import { problemOf } from './errors'
import { newLive } from './live'
import { askToSignIn } from './session'
import { versionsExchange } from './versions'

/** Has no identity of its own: part of what holds it. */
const embedded = () => null

const withoutId = [
  'CheckoutUrl',
  'KakaoAction',
  'KakaoAmount',
  'KakaoCard',
  'KakaoRecord',
  'OrderEvent',
  'OrderLine',
  'PaymentEvent',
  'PaymentFailure',
  'Shop',
  'ShopGateway',
  'TossCancel',
  'TossCard',
  'TossCashReceipt',
  'TossCheckout',
  'TossDiscount',
  'TossEasyPay',
  'TossFailure',
  'TossGiftCertificate',
  'TossMobilePhone',
  'TossReceipt',
  'TossRecord',
  'TossRefundReceiveAccount',
  'TossTransfer',
  'TossVirtualAccount',
  'VirtualAccount',
]

/** A client with an empty cache and a socket of its own, and what closes them. */
export interface Connection {
  client: Client
  close(): void
}

export function connect(): Connection {
  const live = newLive()
  const client = new Client({
    url: '/graphql',
    preferGetMethod: false,
    fetch: fetchWhole,
    fetchOptions: { credentials: 'same-origin', headers: { 'GraphQL-Preflight': '1' } },
    exchanges: [
      mapExchange({
        onError(error, { context }) {
          if (context.asksToSignIn !== false && problemOf(error)?.code === 'UNAUTHENTICATED') askToSignIn()
        },
      }),
      cacheExchange({
        keys: Object.fromEntries(withoutId.map((name) => [name, embedded])),
        resolvers: {
          Query: { products: relayPagination() },
          User: { orders: relayPagination(), payments: relayPagination() },
        },
        updates: {
          Mutation: { placeOrder: (_, __, cache) => forgetOrderLists(cache) },
        },
      }),
      versionsExchange(),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables = {} }) => ({
          subscribe: (sink) => ({ unsubscribe: live.subscribe({ query, variables }, sink as Sink) }),
        }),
      }),
    ],
  })
  return { client, close: live.close }
}

/**
 * Reads answers to their end. urql lets go of a request as soon as it has what it wants, which browsers report as a failed
 * one; and a mutation that is under way is not undone by closing the connection.
 */
async function fetchWhole(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, { ...init, signal: null })
  return new Response((await response.text()) || null, response)
}

/** Has the viewer's lists of orders asked for again, which a new order belongs to. */
function forgetOrderLists(cache: Cache): void {
  const viewer = cache.resolve('Query', 'viewer')
  if (typeof viewer !== 'string') return
  for (const { fieldName, arguments: args } of cache.inspectFields(viewer)) {
    if (fieldName === 'orders') cache.invalidate(viewer, fieldName, args)
  }
}
