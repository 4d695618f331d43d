import { useEffect, useRef, type ReactNode } from 'react'

import { isFirstPage, useScrollMemory } from '../api/navigation'
import { common } from '../words/common'
import { useWords } from '../words/language'
import css from './Page.module.css'
import { useShopName } from './shopName'

interface PageProps {
  /** The h1, and the title of the tab. */
  title: string
  /** Shown beside the h1. */
  aside?: ReactNode
  /** The h1 is there for those who hear the page, and what it says is seen anyway. */
  unseenTitle?: boolean
  narrow?: boolean
  /** Whether it has its height, so that it can be scrolled to where it was left. */
  ready?: boolean
  children: ReactNode
}

/** A screen: its title, and its h1, which has the focus when one arrives from another screen. */
export function Page({ title, aside, unseenTitle = false, narrow = false, ready = true, children }: PageProps) {
  const words = useWords(common)
  const shopName = useShopName() || words.shop
  const heading = useRef<HTMLHeadingElement>(null)
  useScrollMemory(ready)
  useEffect(() => {
    document.title = title === shopName ? title : `${title} · ${shopName}`
  }, [title, shopName])
  useEffect(() => {
    if (!isFirstPage()) heading.current?.focus({ preventScroll: true })
  }, [])
  return (
    <div className={narrow ? `${css.page} ${css.narrow}` : css.page}>
      <div className={unseenTitle ? 'unseen' : css.head}>
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {aside}
      </div>
      {children}
    </div>
  )
}
