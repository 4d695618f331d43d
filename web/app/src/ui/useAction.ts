import { useRef, useState } from 'react'

/**
 * Wraps what a press begins, so that the second press of a double click, Enter held down or a form sent twice begin
 * nothing: a ref knows at once, where state would be a frame late. busy is for the label.
 */
export function useAction<Arguments extends unknown[]>(
  act: (...args: Arguments) => Promise<unknown>,
): [run: (...args: Arguments) => void, busy: boolean] {
  const running = useRef(false)
  const [busy, setBusy] = useState(false)
  const run = (...args: Arguments) => {
    if (running.current) return
    running.current = true
    setBusy(true)
    void act(...args).finally(() => {
      running.current = false
      setBusy(false)
    })
  }
  return [run, busy]
}
