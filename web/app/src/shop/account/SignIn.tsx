import { Link } from 'wouter'

import { ButtonLink } from '../../ui/Button'
import { Page } from '../../ui/Page'
import { account } from '../../words/account'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { useShop } from '../frame/useShop'
import css from './Form.module.css'
import { withNext } from './ownPath'
import { SignInForm } from './SignInForm'
import { useNext } from './useNext'

export default function SignIn() {
  const words = useWords(common)
  const more = useWords(account)
  const { viewer } = useShop()
  const [next, goOn] = useNext()
  return (
    <Page title={words.signIn} narrow>
      <div className={css.card}>
        {viewer ? (
          <>
            <p>{more.signIn.already(viewer.email)}</p>
            <ButtonLink href={next} kind="main" wide>
              {more.signIn.goOn}
            </ButtonLink>
          </>
        ) : (
          <>
            <p className={css.lead}>{more.signIn.lead}</p>
            <SignInForm onSignedIn={goOn} />
            <p className={css.links}>
              <span>
                {more.signIn.noAccount} <Link href={withNext('/sign-up', next)}>{words.signUp}</Link>
              </span>
              <Link href={withNext('/reset', next)}>{words.forgotten}</Link>
            </p>
          </>
        )}
      </div>
    </Page>
  )
}
