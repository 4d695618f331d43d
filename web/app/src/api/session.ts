import { newStore, useStore } from './store'

/*
 * Who is signed in is the cookie's to know. The page knows only that it may have changed, here or in another tab: then
 * everything it holds is somebody else's, and is asked for again.
 */

interface Session {
  /** Grows whenever somebody signs in or out. */
  epoch: number
  /** Grows whenever somebody signs out. */
  left: number
  /** Whether the page waits for somebody to sign in. */
  asking: boolean
}

const session = newStore<Session>({ epoch: 0, left: 0, asking: false })
const tabs = new BroadcastChannel('session')
tabs.onmessage = ({ data }: MessageEvent<'in' | 'out'>) => (data === 'out' ? leave() : begin())

const signOuts = new Set<() => void>()

/** Has listener called when the viewer signs out, here or in another tab. */
export const followSignOut = (listener: () => void) => void signOuts.add(listener)

const begin = (left = session.get().left) => session.set({ epoch: session.get().epoch + 1, left, asking: false })

/** What was begun by one person is not for the next: keys and drafts go. */
function leave(): void {
  sessionStorage.clear()
  for (const listener of signOuts) listener()
  begin(session.get().left + 1)
}

export const useSession = () => useStore(session)

/** Has listener called whenever somebody has signed in or out. */
export function followEpoch(listener: () => void): void {
  let { epoch } = session.get()
  session.follow(() => {
    if (session.get().epoch === epoch) return
    epoch = session.get().epoch
    listener()
  })
}

/** To be called when a mutation has signed somebody in. */
export function signedIn(): void {
  begin()
  tabs.postMessage('in')
}

/** To be called when a mutation has signed the viewer out. */
export function signedOut(): void {
  leave()
  tabs.postMessage('out')
}

/** Shows the sign-in dialog over the page. */
export function askToSignIn(): void {
  session.set({ ...session.get(), asking: true })
}

/** Closes the dialog: the viewer would rather not. */
export function stopAsking(): void {
  session.set({ ...session.get(), asking: false })
}
