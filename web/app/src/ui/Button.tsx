import type { ComponentProps } from 'react'
import { Link } from 'wouter'

import { useOnline } from '../api/activity'
import { common } from '../words/common'
import { useWords } from '../words/language'
import css from './Button.module.css'

export type Kind = 'main' | 'plain' | 'quiet' | 'danger'

interface ButtonProps extends Omit<ComponentProps<'button'>, 'disabled' | 'className'> {
  kind?: Kind
  /** Under way: the button stays where the focus is, and does nothing. */
  busy?: boolean
  /** What it says meanwhile. */
  busyLabel?: string
  /** Why it does nothing now. */
  blocked?: string | undefined
  /** Moves money: does nothing without a network. */
  money?: boolean
  wide?: boolean
}

export function Button({
  kind = 'plain',
  busy = false,
  busyLabel,
  blocked,
  money = false,
  wide = false,
  type = 'button',
  onClick,
  children,
  ...rest
}: ButtonProps) {
  const words = useWords(common)
  const online = useOnline()
  const why = blocked ?? (money && !online ? words.needsNetwork : undefined)
  const inert = busy || why !== undefined
  return (
    <button
      {...rest}
      type={type}
      className={look(kind, wide)}
      aria-disabled={inert || undefined}
      title={why}
      onClick={(event) => {
        if (inert) event.preventDefault()
        else onClick?.(event)
      }}
    >
      {busy && <span className={css.spinner} aria-hidden="true" />}
      {busy && busyLabel ? busyLabel : children}
    </button>
  )
}

interface ButtonLinkProps {
  href: string
  kind?: Kind
  wide?: boolean
  children: React.ReactNode
}

/** A link that looks like a button. */
export function ButtonLink({ href, kind = 'plain', wide = false, children }: ButtonLinkProps) {
  return (
    <Link href={href} className={look(kind, wide)}>
      {children}
    </Link>
  )
}

function look(kind: Kind, wide: boolean): string {
  return [css.button, css[kind], wide && css.wide].filter(Boolean).join(' ')
}
