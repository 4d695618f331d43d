import { useLocation, useSearchParams } from 'wouter'

import { Page } from '../../ui/Page'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { SignInForm } from './SignInForm'

export default function SignIn() {
  const words = useWords(common)
  const [params] = useSearchParams()
  const [, navigate] = useLocation()
  return (
    <Page title={words.signIn} narrow>
      <SignInForm onSignedIn={() => navigate(ownPath(params.get('next')), { replace: true })} />
    </Page>
  )
}

/** The path to go on to: only one of ours. */
function ownPath(next: string | null): string {
  return next && /^\/(?![/\\])/.test(next) ? next : '/'
}
