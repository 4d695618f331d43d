import { useEffect, useId, useRef, type ReactNode } from 'react'

import { common } from '../words/common'
import { useWords } from '../words/language'
import css from './Dialog.module.css'
import { Cross } from './icons'

interface DialogProps {
  title: string
  /** Called when it was closed by its button, Escape, or a press beside it. */
  onClose: () => void
  children: ReactNode
}

/** A native modal dialog, open for as long as it is rendered. The focus returns to where it was. */
export function Dialog({ title, onClose, children }: DialogProps) {
  const words = useWords(common)
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current!
    const opener = document.activeElement
    element.showModal()
    element.querySelector<HTMLElement>('input, select, textarea')?.focus()
    return () => {
      element.close()
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus()
    }
  }, [])
  return (
    <dialog
      ref={dialog}
      className={css.dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onMouseDown={(event) => {
        if (event.target === dialog.current) onClose()
      }}
    >
      <div className={css.inside}>
        <header className={css.head}>
          <h2 id={id}>{title}</h2>
          <button type="button" className={css.close} onClick={onClose} aria-label={words.close}>
            <Cross />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  )
}
