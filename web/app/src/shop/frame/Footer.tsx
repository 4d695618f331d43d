import { forDevelopers } from '../../api/developers'
import { common } from '../../words/common'
import { setLanguage, useLanguage, useWords, type Language } from '../../words/language'
import css from './Footer.module.css'
import { useShop } from './useShop'

const languages: Record<Language, string> = { ko: '한국어', en: 'English' }

/** What the law wants to be told on every page, the language, and, in development, where else to look. */
export function Footer() {
  const words = useWords(common)
  const language = useLanguage()
  const { shop } = useShop()
  return (
    <footer className={css.footer}>
      <div className={css.inside}>
        <ul className={css.notices}>
          {shop?.notices.map((notice) => (
            <li key={notice}>{notice}</li>
          ))}
        </ul>
        <div className={css.side}>
          <div role="group" aria-label={words.language} className={css.languages}>
            {(Object.keys(languages) as Language[]).map((choice) => (
              <button
                key={choice}
                type="button"
                lang={choice}
                aria-pressed={choice === language}
                onClick={() => setLanguage(choice)}
              >
                {languages[choice]}
              </button>
            ))}
          </div>
          {forDevelopers && (
            <nav className={css.links} aria-label={words.developers}>
              {forDevelopers.mailbox && <a href="/dev/mailbox/">{words.mailbox}</a>}
              <a href="/playground">{words.playground}</a>
              <a href="/schema.graphqls">{words.schema}</a>
              <a href="/dev/">{words.server}</a>
            </nav>
          )}
        </div>
      </div>
    </footer>
  )
}
