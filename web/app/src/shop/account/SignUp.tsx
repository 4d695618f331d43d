import { useState } from 'react'
import { Link } from 'wouter'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { useSend } from '../../api/send'
import { signedIn } from '../../api/session'
import { Button } from '../../ui/Button'
import { Page } from '../../ui/Page'
import { Refusal } from '../../ui/Problem'
import { toast } from '../../ui/Toast'
import { useAction } from '../../ui/useAction'
import { account } from '../../words/account'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { AddressForm } from './AddressForm'
import { passwordFault } from './checks'
import { codeFault } from './codeFault'
import { CodeField, NotArrived } from './CodeField'
import { Form } from './Form'
import css from './Form.module.css'
import { requested, type Mailed } from './mailed'
import { withNext } from './ownPath'
import { NewPasswordField, Username } from './NewPassword'
import { faultsOf, useFaults } from './useFaults'
import { useNext } from './useNext'

const RequestEmailVerification = graphql(`
  mutation RequestEmailVerification($input: RequestEmailVerificationInput!) {
    requestEmailVerification(input: $input) {
      verificationId
      expiresAt
    }
  }
`)

const ConfirmEmailVerification = graphql(`
  mutation ConfirmEmailVerification($input: ConfirmEmailVerificationInput!) {
    confirmEmailVerification(input: $input) {
      verificationId
    }
  }
`)

const SignUpDocument = graphql(`
  mutation SignUp($input: SignUpInput!) {
    signUp(input: $input) {
      user {
        id
      }
    }
  }
`)

type Step = 'address' | 'code' | 'password'

/** Opens an account: an address, the code mailed to it, a password. */
export default function SignUp() {
  const words = useWords(account)
  const { signIn, signUp } = useWords(common)
  const send = useSend()
  const [next, goOn] = useNext()
  const [step, setStep] = useState<Step>('address')
  const [mailed, setMailed] = useState<Mailed>()
  const [lost, setLost] = useState(false)
  const request = async (email: string) =>
    requested(await send(RequestEmailVerification, { input: { email } }), (data) => data.requestEmailVerification)
  const arrive = (sent: Mailed) => {
    setMailed(sent)
    setLost(false)
    setStep('code')
  }
  return (
    <Page title={signUp} narrow>
      <div className={css.card}>
        {step === 'address' && (
          <>
            {lost ? <p role="alert">{words.signUp.lost}</p> : <p className={css.lead}>{words.signUp.lead}</p>}
            <AddressForm email={mailed?.email ?? ''} request={request} onSent={arrive} />
          </>
        )}
        {step === 'code' && mailed && (
          <>
            <CodeForm key={mailed.verificationId} mailed={mailed} onConfirmed={() => setStep('password')} />
            <NotArrived mailed={mailed} request={request} onSent={arrive} onOther={() => setStep('address')}>
              {words.code.notArrived}
            </NotArrived>
          </>
        )}
        {step === 'password' && mailed && (
          <PasswordForm
            mailed={mailed}
            onLost={() => {
              setLost(true)
              setStep('address')
            }}
            onSignedUp={() => {
              signedIn()
              toast(words.signUp.done)
              goOn()
            }}
          />
        )}
        {step !== 'password' && (
          <p className={css.links}>
            <span>
              {words.signUp.have} <Link href={withNext('/sign-in', next)}>{signIn}</Link>
            </span>
          </p>
        )}
      </div>
    </Page>
  )
}

function CodeForm({ mailed, onConfirmed }: { mailed: Mailed; onConfirmed: () => void }) {
  const words = useWords(account)
  const send = useSend()
  const [problem, setProblem] = useState<Problem>()
  const [wrong, setWrong] = useState(0)
  const { form, faults, setFaults } = useFaults()
  const [submit, busy] = useAction(async () => {
    const code = String(new FormData(form.current!).get('code'))
    setProblem(undefined)
    setFaults(code.length < 6 ? { code: words.code.need } : {})
    if (code.length < 6) return
    const sent = await send(ConfirmEmailVerification, { input: { verificationId: mailed.verificationId, code } })
    if (sent.data) onConfirmed()
    else if (sent.problem.code === 'INVALID') {
      setFaults({ code: codeFault(sent.problem, wrong + 1, words) })
      setWrong(wrong + 1)
    } else setProblem(sent.problem)
  })
  return (
    <Form form={form} onSubmit={submit}>
      <p role="status">{words.code.sent(mailed.email)}</p>
      <CodeField mailed={mailed} error={faults.code} onComplete={() => setTimeout(() => form.current?.requestSubmit())} />
      <Refusal problem={problem} />
      <Button type="submit" kind="main" wide busy={busy} busyLabel={words.code.confirming}>
        {words.code.confirm}
      </Button>
    </Form>
  )
}

interface PasswordFormProps {
  mailed: Mailed
  onLost: () => void
  onSignedUp: () => void
}

function PasswordForm({ mailed, onLost, onSignedUp }: PasswordFormProps) {
  const words = useWords(account)
  const { password: label, signIn } = useWords(common)
  const send = useSend()
  const [problem, setProblem] = useState<Problem>()
  const { form, faults, setFaults } = useFaults()
  const [submit, busy] = useAction(async () => {
    const password = String(new FormData(form.current!).get('password'))
    const found = faultsOf({ password: passwordFault(password, words) })
    setProblem(undefined)
    setFaults(found ?? {})
    if (found) return
    const sent = await send(SignUpDocument, { input: { verificationId: mailed.verificationId, password } })
    if (sent.data) onSignedUp()
    else if (sent.problem.field === 'password') setFaults({ password: words.oddPassword })
    else if (sent.problem.field === 'verificationId') onLost()
    else setProblem(sent.problem)
  })
  return (
    <Form form={form} onSubmit={submit}>
      <p role="status">{words.signUp.verified(mailed.email)}</p>
      <Username email={mailed.email} />
      <NewPasswordField label={label} error={faults.password} autoFocus />
      {problem?.code === 'CONFLICT' ? (
        <p role="alert">
          {words.signUp.taken} <Link href="/sign-in">{signIn}</Link>
        </p>
      ) : (
        <Refusal problem={problem} />
      )}
      <Button type="submit" kind="main" wide busy={busy} busyLabel={words.signUp.submitting}>
        {words.signUp.submit}
      </Button>
    </Form>
  )
}
