import { useEffect, useState } from 'react'

import { common } from '../words/common'
import { useLanguage, useWords, type Language } from '../words/language'

/* Times are Seoul's, wherever the browser is. */

type Style = 'moment' | 'deadline' | 'day'

const styles: Record<Style, Intl.DateTimeFormatOptions> = {
  // 2026. 11. 30. 오후 3:04
  moment: { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: '2-digit' },
  // 12월 7일 (월) 오전 11:27
  deadline: { month: 'long', day: 'numeric', weekday: 'short', hour: 'numeric', minute: '2-digit' },
  // 2026년 11월 30일
  day: { year: 'numeric', month: 'long', day: 'numeric' },
}

// 30 Nov 2026, 15:04: of two numbers, either could be the month.
const englishMoment: Intl.DateTimeFormatOptions = { ...styles.moment, month: 'short' }

const locales: Record<Language, string> = { ko: 'ko-KR', en: 'en-GB' }
const formats = new Map<string, Intl.DateTimeFormat>()

/** A time in Seoul, in words. */
export function seoul(at: string, style: Style, language: Language): string {
  const name = `${style} ${language}`
  let format = formats.get(name)
  if (!format) {
    const options = language === 'en' && style === 'moment' ? englishMoment : styles[style]
    format = new Intl.DateTimeFormat(locales[language], { ...options, timeZone: 'Asia/Seoul' })
    formats.set(name, format)
  }
  return format.format(new Date(at))
}

/** A function that writes Seoul's times in the reader's language. */
export function useSeoul(): (at: string, style?: Style) => string {
  const language = useLanguage()
  return (at, style = 'moment') => seoul(at, style, language)
}

/** The time now, anew every so many seconds. */
export function useNow(seconds: number): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), seconds * 1000)
    return () => clearInterval(timer)
  }, [seconds])
  return now
}

interface WhenProps {
  at: string
  style?: Style
  /** Says how long ago, for a day. */
  relative?: boolean
}

export function When({ at, style = 'moment', relative = false }: WhenProps) {
  const absolute = useSeoul()(at, style)
  const ago = useAgo(at)
  return (
    <time dateTime={at} title={`${absolute} (KST)`}>
      {(relative && ago) || absolute}
    </time>
  )
}

function useAgo(at: string): string | undefined {
  const words = useWords(common)
  const minutes = Math.floor((useNow(30) - Date.parse(at)) / 60_000)
  if (minutes >= 24 * 60) return undefined
  return minutes < 60 ? words.minutesAgo(Math.max(0, minutes)) : words.hoursAgo(Math.floor(minutes / 60))
}
