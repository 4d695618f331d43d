import { useState } from 'react'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { useSend } from '../../api/send'
import { signedIn } from '../../api/session'
import { Button } from '../../ui/Button'
import { Field } from '../../ui/Field'
import { Refusal } from '../../ui/Problem'
import { useAction } from '../../ui/useAction'
import { account } from '../../words/account'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { emailFault } from './checks'
import { Form } from './Form'
import { PasswordField } from './PasswordField'
import { TestAccounts } from './TestAccounts'
import { faultsOf, useFaults } from './useFaults'

const SignIn = graphql(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      user {
        id
      }
    }
  }
`)

interface SignInFormProps {
  /** The address to begin with. */
  email?: string
  onSignedIn: () => void
}

/** Signs in, on a page of its own and in the dialog over others. */
export function SignInForm({ email = '', onSignedIn }: SignInFormProps) {
  const words = useWords(common)
  const more = useWords(account)
  const send = useSend()
  const [problem, setProblem] = useState<Problem>()
  const { form, faults, setFaults } = useFaults()
  const [submit, busy] = useAction(async () => {
    const data = new FormData(form.current!)
    const input = { email: String(data.get('email')).trim(), password: String(data.get('password')) }
    const found = faultsOf({
      email: emailFault(input.email, more),
      password: input.password ? undefined : more.needPassword,
    })
    setProblem(undefined)
    setFaults(found ?? {})
    if (found) return
    const sent = await send(SignIn, { input }, { asksToSignIn: false })
    if (sent.data) {
      signedIn()
      onSignedIn()
      return
    }
    const { code, field } = sent.problem
    if (code === 'UNAUTHENTICATED' || (code === 'INVALID' && field === 'password')) {
      setFaults({ password: words.wrongPassword })
    } else if (code === 'INVALID' && field === 'email') setFaults({ email: more.notEmail })
    else setProblem(sent.problem)
  })
  return (
    <>
      <TestAccounts form={form} />
      <Form form={form} onSubmit={submit}>
        <Field
          label={words.email}
          name="email"
          type="email"
          autoComplete="username"
          required
          maxLength={254}
          defaultValue={email}
          error={faults.email}
        />
        <PasswordField
          label={words.password}
          name="password"
          autoComplete="current-password"
          required
          error={faults.password}
        />
        <Refusal problem={problem} />
        <Button type="submit" kind="main" wide busy={busy} busyLabel={words.signingIn}>
          {words.signIn}
        </Button>
      </Form>
    </>
  )
}
