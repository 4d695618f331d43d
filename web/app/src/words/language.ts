import { newStore, useStore } from '../api/store'

export type Language = 'ko' | 'en'

const isLanguage = (value: string | null): value is Language => value === 'ko' || value === 'en'

/** ?lang=, else what was chosen here before, else the browser's wish, else Korean. */
function chosen(): Language {
  const asked = new URLSearchParams(location.search).get('lang')
  if (isLanguage(asked)) {
    localStorage.setItem('lang', asked)
    return asked
  }
  const kept = localStorage.getItem('lang')
  if (isLanguage(kept)) return kept
  return navigator.language.startsWith('en') ? 'en' : 'ko'
}

const language = newStore<Language>(chosen())
document.documentElement.lang = language.get()

export const useLanguage = () => useStore(language)

export function setLanguage(next: Language): void {
  localStorage.setItem('lang', next)
  document.documentElement.lang = next
  language.set(next)
}

/** The words of a part of the app in both languages; one that lacks a sentence does not compile. */
export type Both<Words> = Record<Language, Words>

export function useWords<Words>(both: Both<Words>): Words {
  return both[useLanguage()]
}
