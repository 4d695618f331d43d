import { newStore, useStore } from '../api/store'
import css from './Toast.module.css'

const shown = newStore<{ text: string; at: number } | undefined>(undefined)
let going: ReturnType<typeof setTimeout>

/** Says something small for some seconds. */
export function toast(text: string): void {
  clearTimeout(going)
  shown.set({ text, at: Date.now() })
  going = setTimeout(() => shown.set(undefined), 4_000)
}

/** Where toasts appear: once, in the frame of the app. */
export function Toasts() {
  const now = useStore(shown)
  return (
    <div role="status" className={css.place}>
      {now && (
        <p key={now.at} className={css.toast}>
          {now.text}
        </p>
      )}
    </div>
  )
}
