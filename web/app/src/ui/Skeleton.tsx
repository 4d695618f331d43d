import type { ReactNode } from 'react'

import { common } from '../words/common'
import { useWords } from '../words/language'
import css from './Skeleton.module.css'

/** The place of what is being loaded. It becomes visible only when that takes a moment. */
export function Skeleton({ children, className = '' }: { children: ReactNode; className?: string | undefined }) {
  const words = useWords(common)
  return (
    <div className={`${css.skeleton} ${className}`} aria-busy="true">
      <p className="unseen" role="status">
        {words.loading}
      </p>
      {children}
    </div>
  )
}

type Size = 'line' | 'short' | 'title' | 'block' | 'square'

/** A grey piece of a skeleton. */
export function Bone({ size = 'line' }: { size?: Size }) {
  return <span className={`${css.bone} ${css[size]}`} aria-hidden="true" />
}

/** The skeleton of a page of text. */
export function TextSkeleton() {
  return (
    <Skeleton className={css.text}>
      <Bone size="title" />
      <Bone size="block" />
      <Bone />
      <Bone size="short" />
    </Skeleton>
  )
}
