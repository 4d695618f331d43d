import { createClient, type Client } from 'graphql-ws'

import { failures } from './live'
import { askToSignIn } from './session'

const goingAway = 1001
/** The server's "the session ended" and "nobody is signed in". */
const sessionEnded = [4401, 4403]
/** Our mistakes: connecting again repeats them. */
const ourMistakes = [4400, 4406, 4429]

/** One socket a tab, opened when something is first watched. */
export function newSocket(): Client {
  let lastClose = 0
  let connected = false
  return createClient({
    url: () => new URL('/graphql', location.href).href.replace(/^http/, 'ws'),
    lazy: true,
    lazyCloseTimeout: 3_000,
    keepAlive: 20_000,
    retryAttempts: Infinity,
    shouldRetry: (event) => ![...sessionEnded, ...ourMistakes].includes(codeOf(event)),
    retryWait: (retries) => (lastClose === goingAway && retries === 0 ? Promise.resolve() : backOff(retries)),
    on: {
      connected() {
        connected = true
        failures.set(0)
      },
      closed(event) {
        lastClose = codeOf(event)
        if (!connected) failures.set(failures.get() + 1)
        connected = false
        if (sessionEnded.includes(lastClose)) askToSignIn()
        if (ourMistakes.includes(lastClose)) console.error('the live connection was refused', lastClose)
      },
    },
  })
}

function codeOf(event: unknown): number {
  return event && typeof event === 'object' && 'code' in event ? Number(event.code) : 0
}

/** 1, 2, 4 … 30 seconds, less some chance; cut short when the network comes back. */
function backOff(retries: number): Promise<void> {
  const seconds = Math.min(30, 2 ** retries) * (0.5 + Math.random() / 2)
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      removeEventListener('online', done)
      resolve()
    }
    const timer = setTimeout(done, seconds * 1000)
    addEventListener('online', done)
  })
}
