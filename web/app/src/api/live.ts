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

/** How long until code that did not arrive is asked for again. */
const againSeconds = 5

/**
 * A live connection, whose code is loaded when something is first watched. While that does not arrive, pages ask by
 * themselves: a server that is being replaced must not leave them waiting for ever.
 */
export function newLive(): Live {
  let closed = false
  let socket: Promise<Client> | undefined
  return {
    subscribe(request, sink) {
      let stop: (() => void) | undefined
      let stopped = false
      socket ??= load()
      void socket.then((client) => {
        if (!stopped && !closed) stop = client.subscribe(request, sink)
      })
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

/** Loads the code, however often that takes. */
async function load(): Promise<Client> {
  for (;;) {
    try {
      const { newSocket } = await import('./socket')
      return newSocket()
    } catch {
      failures.set(Math.max(failures.get() + 1, givesUpAfter))
      await new Promise((resolve) => setTimeout(resolve, againSeconds * 1000))
    }
  }
}
