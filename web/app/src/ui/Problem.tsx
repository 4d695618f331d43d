import { useEffect, useState, type ReactNode } from 'react'

import type { Problem } from '../api/errors'
import { askToSignIn } from '../api/session'
import { common } from '../words/common'
import { useWords } from '../words/language'
import { Button, ButtonLink } from './Button'
import { Alert, Person } from './icons'
import css from './Problem.module.css'

type Words = (typeof common)['ko']

/** What a problem is in words: by its code, never by the server's own message. */
export function sentence(problem: Problem, words: Words): string {
  switch (problem.code) {
    case 'DECLINED': {
      const { pg = '', message = '' } = problem.declined ?? {}
      return words.problem.declined(isIn(words.pg, pg) ? words.pg[pg] : pg, message)
    }
    case 'CONFLICT': {
      const { status = '' } = problem
      return isIn(words.conflict, status) ? words.conflict[status] : words.problem.CONFLICT
    }
    case 'RATE_LIMITED':
      return words.problem.rateLimited(problem.retryAfter ?? 1)
    case 'GRAPHQL_INVALID':
    case 'TOO_COMPLEX':
    case 'IDEMPOTENCY_MISMATCH':
    case 'INTERNAL':
      return words.problem.OURS
    default:
      return words.problem[problem.code]
  }
}

function isIn<Names extends object>(names: Names, name: PropertyKey): name is keyof Names {
  return Object.hasOwn(names, name)
}

/** Says beside a form or a button why nothing was done. It is read out at once. */
export function Refusal({ problem }: { problem: Problem | undefined }) {
  return (
    <div role="alert">
      {problem && (
        <div className={css.refusal}>
          <Alert />
          <div>
            <Sentence problem={problem} />
            <ForSupport problem={problem} />
          </div>
        </div>
      )}
    </div>
  )
}

/** Stands where something could not be loaded, and offers to try again. */
export function ErrorPanel({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  const words = useWords(common)
  if (problem.code === 'UNAUTHENTICATED') return <SignInPanel />
  if (problem.code === 'NOT_FOUND') {
    return (
      <Notice title={words.notFound} text={words.notFoundText}>
        <ButtonLink href="/">{words.home}</ButtonLink>
      </Notice>
    )
  }
  return (
    <div className={css.panel} role="alert">
      <Alert size={28} />
      <p>{words.broken}</p>
      <Sentence problem={problem} />
      <Button onClick={onRetry}>{words.retry}</Button>
      <ForSupport problem={problem} />
    </div>
  )
}

function SignInPanel() {
  const words = useWords(common)
  return (
    <div className={css.panel}>
      <Person size={28} />
      <h2>{words.signInFirst}</h2>
      <p>{words.signInFirstText}</p>
      <Button kind="main" onClick={askToSignIn}>
        {words.signIn}
      </Button>
    </div>
  )
}

interface NoticeProps {
  title: string
  text?: string
  children?: ReactNode
}

/** Says in the middle of a page that there is nothing, and what to do next. */
export function Notice({ title, text, children }: NoticeProps) {
  return (
    <div className={css.panel}>
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children}
    </div>
  )
}

function Sentence({ problem }: { problem: Problem }) {
  const words = useWords(common)
  if (problem.code === 'RATE_LIMITED') return <Countdown key={problem.requestId} from={problem.retryAfter ?? 1} />
  return <p>{sentence(problem, words)}</p>
}

function Countdown({ from }: { from: number }) {
  const words = useWords(common)
  const [left, setLeft] = useState(from)
  useEffect(() => {
    const timer = setInterval(() => setLeft((seconds) => Math.max(0, seconds - 1)), 1000)
    return () => clearInterval(timer)
  }, [])
  return (
    <p>
      <span aria-hidden="true">{left > 0 ? words.problem.rateLimited(left) : words.problem.rateLimitedOver}</span>
      <span className="unseen">{words.problem.rateLimited(from)}</span>
    </p>
  )
}

function ForSupport({ problem }: { problem: Problem }) {
  const words = useWords(common)
  if (!problem.requestId) return null
  return (
    <details className={css.support}>
      <summary>{words.details}</summary>
      {words.requestId} <code>{problem.requestId}</code>
    </details>
  )
}
