import type { RefObject } from 'react'

import { forDevelopers } from '../../api/developers'
import { Button } from '../../ui/Button'
import { account } from '../../words/account'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import css from './Form.module.css'

/** On a development server, fills in one of its accounts by one press. */
export function TestAccounts({ form }: { form: RefObject<HTMLFormElement | null> }) {
  const words = useWords(account)
  if (!forDevelopers?.accounts.length) return null
  return (
    <section className={css.dev} aria-labelledby="test-accounts">
      <h2 id="test-accounts">{words.dev.title}</h2>
      <p className={css.soft}>{words.dev.text}</p>
      <div className={css.buttons}>
        {forDevelopers.accounts.map(({ who, email, password }) => (
          <Button
            key={email}
            onClick={() => {
              fill(form.current, 'email', email)
              fill(form.current, 'password', password)
              form.current?.querySelector<HTMLButtonElement>('button[type=submit]')?.focus()
            }}
          >
            {who === 'shopper' || who === 'operator' ? words.dev[who] : email}
          </Button>
        ))}
      </div>
      <MailboxLink />
    </section>
  )
}

function fill(form: HTMLFormElement | null, name: string, value: string): void {
  const field = form?.elements.namedItem(name)
  if (field instanceof HTMLInputElement) field.value = value
}

/** On a development server, leads to the mail that it sent. */
export function MailboxLink() {
  const { mailbox } = useWords(common)
  if (!forDevelopers?.mailbox) return null
  return (
    <p className={css.soft}>
      <a href="/dev/mailbox/" target="_blank" rel="noreferrer">
        {mailbox}
      </a>
    </p>
  )
}
