import { newStore, useStore } from './store'

/** How long a hidden tab goes on being told. */
const hiddenFor = 5 * 60_000
/** How long a page goes on asking for somebody who does nothing: every question keeps the session alive. */
const idleFor = 10 * 60_000

const online = newStore(navigator.onLine)
addEventListener('online', () => online.set(true))
addEventListener('offline', () => online.set(false))

/** Whether the browser has a network. */
export const useOnline = () => useStore(online)

const away = newStore(false)
let leaving: ReturnType<typeof setTimeout>
document.addEventListener('visibilitychange', () => {
  clearTimeout(leaving)
  if (document.visibilityState === 'visible') away.set(false)
  else leaving = setTimeout(() => away.set(true), hiddenFor)
})

/** Whether the tab has been hidden for some minutes. */
export const useAway = () => useStore(away)

const idle = newStore(false)
let resting: ReturnType<typeof setTimeout>
const stir = () => {
  clearTimeout(resting)
  idle.set(false)
  resting = setTimeout(() => idle.set(true), idleFor)
}
for (const event of ['pointerdown', 'keydown', 'scroll']) addEventListener(event, stir, { passive: true })
stir()

/** Whether nobody has touched the page for some minutes. */
export const useIdle = () => useStore(idle)
