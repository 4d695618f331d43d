import { useLanguage, type Language } from '../words/language'

const digits = new Intl.NumberFormat('ko-KR', { maximumFractionDigits: 0 })

/** Whole won in words: 12,345원, or ₩12,345 in English; what was given back has a minus sign. */
export function won(amount: number, language: Language): string {
  const sign = amount < 0 ? '\u2212' : ''
  const grouped = digits.format(Math.abs(amount))
  return language === 'ko' ? `${sign}${grouped}원` : `${sign}₩${grouped}`
}

/** A function that writes won in the reader's language. */
export function useWon(): (amount: number) => string {
  const language = useLanguage()
  return (amount) => won(amount, language)
}

export function Money({ won: amount }: { won: number }) {
  return <>{useWon()(amount)}</>
}
