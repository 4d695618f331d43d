import type { Client, Sink } from 'graphql-ws'

import { newStore, useStore } from './store'

/** After this many failed connections, pages ask by themselves instead of waiting to be told. */
const givesUpAfter = 3

/** How many connections have failed since the last that did not. */
export const failures = newStore(0)

/** Whether the live connection is down. */
export const useSocketDown = () => useStore(failures) >= givesUpAfter

export interface Live {
  subscribe(request: { query: string; variables?: Record<string, unknown> }, sink: Sink): () => void
  close(): void
}

/** A live connection, whose code is loaded when something is first watched. */
export function newLive(): Live {
  let closed = false
  let socket: Promise<Client> | undefined
  return {
    subscribe(request, sink) {
      let stop: (() => void) | undefined
      let stopped = false
      socket ??= import('./socket').then(({ newSocket }) => newSocket())
      void socket.then(
        (client) => {
          if (!stopped && !closed) stop = client.subscribe(request, sink)
        },
        (reason: unknown) => sink.error(reason),
      )
      return () => {
        stopped = true
        stop?.()
      }
    },
    close() {
      closed = true
      void socket?.then((client) => client.dispose())
    },
  }
}
