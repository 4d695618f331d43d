import { Link } from 'wouter'

import { stopAsking } from '../../api/session'
import { Dialog } from '../../ui/Dialog'
import { toast } from '../../ui/Toast'
import { account } from '../../words/account'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { SignInForm } from '../account/SignInForm'
import css from './SignInDialog.module.css'

/** Stands over the page when it turns out that nobody is signed in. What was begun is there afterwards, to press again. */
export default function SignInDialog() {
  const words = useWords(common)
  const { carryOn } = useWords(account)
  const next = `?${new URLSearchParams({ next: location.pathname + location.search })}`
  return (
    <Dialog title={words.signInFirst} onClose={stopAsking}>
      <p>{words.signInAgain}</p>
      <SignInForm onSignedIn={() => toast(carryOn)} />
      <p className={css.links}>
        <Link href={`/sign-up${next}`} onClick={stopAsking}>
          {words.signUp}
        </Link>
        <Link href={`/reset${next}`} onClick={stopAsking}>
          {words.forgotten}
        </Link>
      </p>
    </Dialog>
  )
}
