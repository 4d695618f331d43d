import { useState } from 'react'

import type { Problem } from '../../api/errors'
import type { Sent } from '../../api/send'
import { Button } from '../../ui/Button'
import { Field } from '../../ui/Field'
import { Refusal } from '../../ui/Problem'
import { useAction } from '../../ui/useAction'
import { account } from '../../words/account'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { emailFault } from './checks'
import { Form } from './Form'
import type { Mailed, Requested } from './mailed'
import { faultsOf, useFaults } from './useFaults'

interface AddressFormProps {
  email: string
  request: (email: string) => Promise<Sent<Requested>>
  onSent: (mailed: Mailed) => void
}

/** Asks for the address that a code is mailed to. */
export function AddressForm({ email, request, onSent }: AddressFormProps) {
  const words = useWords(account)
  const { email: label } = useWords(common)
  const [problem, setProblem] = useState<Problem>()
  const { form, faults, setFaults } = useFaults()
  const [submit, busy] = useAction(async () => {
    const typed = String(new FormData(form.current!).get('email')).trim()
    const found = faultsOf({ email: emailFault(typed, words) })
    setProblem(undefined)
    setFaults(found ?? {})
    if (found) return
    const sent = await request(typed)
    if (sent.data) onSent({ email: typed, ...sent.data, sentAt: Date.now() })
    else if (sent.problem.code === 'INVALID') setFaults({ email: words.notEmail })
    else setProblem(sent.problem)
  })
  return (
    <Form form={form} onSubmit={submit}>
      <Field
        label={label}
        name="email"
        type="email"
        autoComplete="email"
        required
        maxLength={254}
        defaultValue={email}
        error={faults.email}
      />
      <Refusal problem={problem} />
      <Button type="submit" kind="main" wide busy={busy} busyLabel={words.code.sending}>
        {words.code.send}
      </Button>
    </Form>
  )
}
