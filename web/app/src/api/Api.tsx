import type { ReactNode } from 'react'
import { Provider } from 'urql'

import { connect } from './client'
import { followEpoch } from './session'
import { newStore, useStore } from './store'

const connection = newStore(connect())

// Somebody else may be signed in: nothing that was answered or promised before is theirs.
followEpoch(() => {
  const before = connection.get()
  connection.set(connect())
  before.close()
})

/** Gives the app its client. */
export function Api({ children }: { children: ReactNode }) {
  return <Provider value={useStore(connection).client}>{children}</Provider>
}
