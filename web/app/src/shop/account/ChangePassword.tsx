import { useState } from 'react'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { useSend } from '../../api/send'
import { Button } from '../../ui/Button'
import { Refusal } from '../../ui/Problem'
import { toast } from '../../ui/Toast'
import { useAction } from '../../ui/useAction'
import { account } from '../../words/account'
import { useWords } from '../../words/language'
import { passwordFault } from './checks'
import { Form } from './Form'
import css from './Form.module.css'
import { NewPasswordField, Username } from './NewPassword'
import { PasswordField } from './PasswordField'
import { faultsOf, useFaults } from './useFaults'

const ChangePasswordDocument = graphql(`
  mutation ChangePassword($input: ChangePasswordInput!) {
    changePassword(input: $input) {
      user {
        id
      }
    }
  }
`)

/** Chooses another password for who knows the present one. */
export function ChangePassword({ email }: { email: string }) {
  const words = useWords(account)
  const send = useSend()
  const [problem, setProblem] = useState<Problem>()
  const { form, faults, setFaults } = useFaults()
  const [submit, busy] = useAction(async () => {
    const data = new FormData(form.current!)
    const input = { current: String(data.get('current')), password: String(data.get('password')) }
    const found = faultsOf({
      current: input.current === '' && words.needPassword,
      password: passwordFault(input.password, words),
    })
    setProblem(undefined)
    setFaults(found ?? {})
    if (found) return
    const sent = await send(ChangePasswordDocument, { input })
    if (sent.data) {
      form.current?.reset()
      toast(words.mine.changed)
    } else if (sent.problem.field === 'current') setFaults({ current: words.mine.wrong })
    else if (sent.problem.field === 'password') setFaults({ password: words.oddPassword })
    else setProblem(sent.problem)
  })
  return (
    <section className={css.section} aria-labelledby="change-password">
      <h2 id="change-password">{words.mine.change}</h2>
      <Form form={form} card onSubmit={submit}>
        <Username email={email} />
        <PasswordField
          label={words.mine.current}
          name="current"
          autoComplete="current-password"
          required
          error={faults.current}
        />
        <NewPasswordField label={words.mine.next} error={faults.password} />
        <Refusal problem={problem} />
        <div className={css.buttons}>
          <Button type="submit" kind="main" busy={busy} busyLabel={words.mine.changing}>
            {words.reset.submit}
          </Button>
        </div>
      </Form>
    </section>
  )
}
