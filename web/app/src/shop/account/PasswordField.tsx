import { useState, type ComponentProps } from 'react'

import { Field } from '../../ui/Field'
import { account } from '../../words/account'
import { useWords } from '../../words/language'
import css from './Form.module.css'

/** A password, which can be shown while it is typed. */
export function PasswordField(props: Omit<ComponentProps<typeof Field>, 'type'>) {
  const words = useWords(account)
  const [shown, setShown] = useState(false)
  return (
    <div className={css.password}>
      <Field {...props} type={shown ? 'text' : 'password'} autoCapitalize="none" spellCheck={false} />
      <button type="button" className={css.reveal} onClick={() => setShown(!shown)}>
        {shown ? words.hidePassword : words.showPassword}
      </button>
    </div>
  )
}
