import { account } from '../../words/account'
import { useWords } from '../../words/language'
import { PasswordField } from './PasswordField'

/** The address of a form's account, for password managers, which keep a password with it. */
export function Username({ email }: { email: string }) {
  return <input type="text" name="username" autoComplete="username" value={email} readOnly hidden />
}

interface NewPasswordFieldProps {
  label: string
  error: string | undefined
  autoFocus?: boolean
}

/** A password that is chosen, and by what rule. */
export function NewPasswordField(props: NewPasswordFieldProps) {
  const words = useWords(account)
  return <PasswordField {...props} name="password" autoComplete="new-password" required hint={words.passwordRule} />
}
