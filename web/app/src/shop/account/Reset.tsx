import { useState } from 'react'
import { Link } from 'wouter'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { useSend } from '../../api/send'
import { signedOut } from '../../api/session'
import { Button } from '../../ui/Button'
import { Page } from '../../ui/Page'
import { Refusal } from '../../ui/Problem'
import { useAction } from '../../ui/useAction'
import { account } from '../../words/account'
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
import { SignInForm } from './SignInForm'
import { faultsOf, useFaults } from './useFaults'
import { useNext } from './useNext'

const RequestPasswordReset = graphql(`
  mutation RequestPasswordReset($input: RequestPasswordResetInput!) {
    requestPasswordReset(input: $input) {
      verificationId
      expiresAt
    }
  }
`)

const ResetPassword = graphql(`
  mutation ResetPassword($input: ResetPasswordInput!) {
    resetPassword(input: $input) {
      user {
        id
      }
    }
  }
`)

type Step = 'address' | 'code' | 'done'

/** Chooses a new password: by a code mailed to the address of the account. */
export default function Reset() {
  const words = useWords(account)
  const send = useSend()
  const [next, goOn] = useNext()
  const [step, setStep] = useState<Step>('address')
  const [mailed, setMailed] = useState<Mailed>()
  const request = async (email: string) =>
    requested(await send(RequestPasswordReset, { input: { email } }), (data) => data.requestPasswordReset)
  const arrive = (sent: Mailed) => {
    setMailed(sent)
    setStep('code')
  }
  return (
    <Page title={words.reset.title} narrow>
      <div className={css.card}>
        {step === 'address' && (
          <>
            <p className={css.lead}>{words.reset.lead}</p>
            <AddressForm email={mailed?.email ?? ''} request={request} onSent={arrive} />
          </>
        )}
        {step === 'code' && mailed && (
          <>
            <NewPassword key={mailed.verificationId} mailed={mailed} onReset={() => setStep('done')} />
            <NotArrived mailed={mailed} request={request} onSent={arrive} onOther={() => setStep('address')}>
              {words.code.notArrivedReset}
            </NotArrived>
          </>
        )}
        {step === 'done' ? (
          <>
            <p role="status" className={css.said}>
              {words.reset.done}
            </p>
            <SignInForm email={mailed?.email ?? ''} onSignedIn={goOn} />
          </>
        ) : (
          <p className={css.links}>
            <Link href={withNext('/sign-in', next)}>{words.reset.back}</Link>
          </p>
        )}
      </div>
    </Page>
  )
}

function NewPassword({ mailed, onReset }: { mailed: Mailed; onReset: () => void }) {
  const words = useWords(account)
  const send = useSend()
  const [problem, setProblem] = useState<Problem>()
  const [wrong, setWrong] = useState(0)
  const { form, faults, setFaults } = useFaults()
  const [submit, busy] = useAction(async () => {
    const data = new FormData(form.current!)
    const [code, password] = [String(data.get('code')), String(data.get('password'))]
    const found = faultsOf({
      code: code.length < 6 && words.code.need,
      password: passwordFault(password, words),
    })
    setProblem(undefined)
    setFaults(found ?? {})
    if (found) return
    const sent = await send(ResetPassword, { input: { verificationId: mailed.verificationId, code, password } })
    if (sent.data) {
      signedOut()
      onReset()
    } else if (sent.problem.field === 'password') setFaults({ password: words.oddPassword })
    else if (sent.problem.code === 'INVALID') {
      setFaults({ code: codeFault(sent.problem, wrong + 1, words) })
      setWrong(wrong + 1)
    } else setProblem(sent.problem)
  })
  return (
    <Form form={form} onSubmit={submit}>
      <p role="status">{words.code.sent(mailed.email)}</p>
      <Username email={mailed.email} />
      <CodeField mailed={mailed} error={faults.code} />
      <NewPasswordField label={words.reset.password} error={faults.password} />
      <Refusal problem={problem} />
      <Button type="submit" kind="main" wide busy={busy} busyLabel={words.mine.changing}>
        {words.reset.submit}
      </Button>
    </Form>
  )
}
