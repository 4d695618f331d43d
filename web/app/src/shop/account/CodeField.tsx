import { useState, type ReactNode } from 'react'

import type { Problem } from '../../api/errors'
import type { Sent } from '../../api/send'
import { Button } from '../../ui/Button'
import { Field } from '../../ui/Field'
import { Refusal } from '../../ui/Problem'
import { toast } from '../../ui/Toast'
import { useAction } from '../../ui/useAction'
import { useNow } from '../../ui/When'
import { account } from '../../words/account'
import { useWords } from '../../words/language'
import { digitsOf } from './checks'
import css from './Form.module.css'
import { resendAfter, type Mailed, type Requested } from './mailed'
import { MailboxLink } from './TestAccounts'

interface CodeFieldProps {
  mailed: Mailed
  error: string | undefined
  /** Called with all six digits, typed or pasted. */
  onComplete?: () => void
}

/** The field for a mailed code, and how long it can be used. */
export function CodeField({ mailed, error, onComplete }: CodeFieldProps) {
  const words = useWords(account)
  const now = useNow(1)
  const [code, setCode] = useState('')
  const left = Math.ceil((Date.parse(mailed.expiresAt) - now) / 1000)
  const time = words.minutes(Math.floor(left / 60), left % 60)
  return (
    <div className={css.code}>
      <Field
        label={words.code.label}
        name="code"
        inputMode="numeric"
        autoComplete="one-time-code"
        required
        autoFocus
        value={code}
        error={left > 0 ? error : words.code.expired}
        hint={left > 0 ? words.code.left(time) : undefined}
        onChange={(event) => {
          const digits = digitsOf(event.currentTarget.value)
          setCode(digits)
          if (digits.length === 6 && digits !== code) onComplete?.()
        }}
      />
    </div>
  )
}

interface NotArrivedProps {
  mailed: Mailed
  request: (email: string) => Promise<Sent<Requested>>
  onSent: (mailed: Mailed) => void
  onOther: () => void
  /** Why no mail may come. */
  children: ReactNode
}

/** For whom no code came: has another mailed, after a while, or to another address. */
export function NotArrived({ mailed, request, onSent, onOther, children }: NotArrivedProps) {
  const words = useWords(account)
  const now = useNow(1)
  const [problem, setProblem] = useState<Problem>()
  const [send, busy] = useAction(async () => {
    setProblem(undefined)
    const sent = await request(mailed.email)
    setProblem(sent.problem)
    if (!sent.data) return
    toast(words.code.resent)
    onSent({ ...mailed, ...sent.data, sentAt: Date.now() })
  })
  const wait = Math.ceil(resendAfter - (now - mailed.sentAt) / 1000)
  const label = wait > 0 ? words.code.resendIn(wait) : words.code.resend
  return (
    <>
      <Refusal problem={problem} />
      <div className={css.row}>
        <Button kind="quiet" busy={busy} busyLabel={words.code.sending} blocked={wait > 0 ? label : undefined} onClick={send}>
          {label}
        </Button>
        <Button kind="quiet" onClick={onOther}>
          {words.code.other}
        </Button>
      </div>
      <p className={css.soft}>{children}</p>
      <MailboxLink />
    </>
  )
}
