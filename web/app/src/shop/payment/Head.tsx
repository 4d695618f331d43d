import type { ComponentType, ReactNode } from 'react'

import css from './PaymentPanel.module.css'

interface HeadProps {
  icon: ComponentType<{ size?: number }>
  tone: 'good' | 'wait' | 'bad' | 'calm'
  title: string
  text?: ReactNode
}

/** The state in a word, read out whenever it becomes another. */
export function Head({ icon: Icon, tone, title, text }: HeadProps) {
  return (
    <div className={css.head}>
      <span className={`${css.icon} ${css[tone]}`}>
        <Icon size={28} />
      </span>
      <h2 aria-live="assertive">{title}</h2>
      <div className={css.text}>{typeof text === 'string' ? <p>{text}</p> : text}</div>
    </div>
  )
}

export function Actions({ children }: { children: ReactNode }) {
  return <div className={css.actions}>{children}</div>
}
