import { useState } from 'react'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { useSend } from '../../api/send'
import { signedIn } from '../../api/session'
import { Button } from '../../ui/Button'
import { Field } from '../../ui/Field'
import { Refusal } from '../../ui/Problem'
import { useAction } from '../../ui/useAction'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import css from './Form.module.css'

const SignIn = graphql(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      user {
        id
      }
    }
  }
`)

/** Signs in, on a page of its own and in the dialog over others. */
export function SignInForm({ onSignedIn }: { onSignedIn?: () => void }) {
  const words = useWords(common)
  const send = useSend()
  const [problem, setProblem] = useState<Problem>()
  const [submit, busy] = useAction(async (form: FormData) => {
    setProblem(undefined)
    const input = { email: String(form.get('email')).trim(), password: String(form.get('password')) }
    const sent = await send(SignIn, { input }, { asksToSignIn: false })
    setProblem(sent.problem)
    if (!sent.data) return
    signedIn()
    onSignedIn?.()
  })
  const wrong = problem?.code === 'UNAUTHENTICATED'
  return (
    <form
      className={css.form}
      onSubmit={(event) => {
        event.preventDefault()
        submit(new FormData(event.currentTarget))
      }}
    >
      <Field label={words.email} name="email" type="email" autoComplete="username" required maxLength={254} />
      <Field
        label={words.password}
        name="password"
        type="password"
        autoComplete="current-password"
        required
        error={wrong ? words.wrongPassword : undefined}
      />
      <Refusal problem={wrong ? undefined : problem} />
      <Button type="submit" kind="main" wide busy={busy} busyLabel={words.signingIn}>
        {words.signIn}
      </Button>
    </form>
  )
}
