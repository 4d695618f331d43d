import type { ReactNode, RefObject } from 'react'

import css from './Form.module.css'

interface FormProps {
  form: RefObject<HTMLFormElement | null>
  /** Whether it stands on a card of its own. */
  card?: boolean
  onSubmit: () => void
  children: ReactNode
}

/** A form that says itself what is wrong with its fields, and is sent by the page. */
export function Form({ form, card = false, onSubmit, children }: FormProps) {
  return (
    <form
      ref={form}
      noValidate
      className={card ? `${css.form} ${css.card}` : css.form}
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
    >
      {children}
    </form>
  )
}
