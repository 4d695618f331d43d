import { useState } from 'react'
import { useLocation } from 'wouter'

import type { Problem } from '../../api/errors'
import { graphql } from '../../api/graphql'
import { useLoad } from '../../api/load'
import { useSend } from '../../api/send'
import { signedOut } from '../../api/session'
import { Button, ButtonLink } from '../../ui/Button'
import { Page } from '../../ui/Page'
import { ErrorPanel, Refusal } from '../../ui/Problem'
import { TextSkeleton } from '../../ui/Skeleton'
import { toast } from '../../ui/Toast'
import { useAction } from '../../ui/useAction'
import { useSeoul } from '../../ui/When'
import { account } from '../../words/account'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { ChangePassword } from './ChangePassword'
import css from './Form.module.css'

const AccountQuery = graphql(`
  query Account {
    viewer {
      id
      email
      createdAt
    }
  }
`)

const SignOut = graphql(`
  mutation SignOut {
    signOut {
      ok
    }
  }
`)

export default function Account() {
  const words = useWords(account)
  const { orders } = useWords(common)
  const seoul = useSeoul()
  const { data, problem, reload } = useLoad(AccountQuery, {})
  const viewer = data?.viewer
  return (
    <Page title={words.title} narrow ready={data !== undefined}>
      {viewer ? (
        <>
          <div>
            <p>
              <b>{viewer.email}</b>
            </p>
            <p className={css.soft}>{words.mine.since(seoul(viewer.createdAt, 'day'))}</p>
          </div>
          <div className={css.buttons}>
            <ButtonLink href="/orders">{orders}</ButtonLink>
          </div>
          <ChangePassword email={viewer.email} />
          <Leave />
        </>
      ) : (
        <Instead problem={data ? { code: 'UNAUTHENTICATED' } : problem} onRetry={reload} />
      )}
    </Page>
  )
}

/** Stands where the viewer's own things would be. */
function Instead({ problem, onRetry }: { problem: Problem | undefined; onRetry: () => void }) {
  return problem ? <ErrorPanel problem={problem} onRetry={onRetry} /> : <TextSkeleton />
}

function Leave() {
  const words = useWords(account)
  const send = useSend()
  const [, navigate] = useLocation()
  const [problem, setProblem] = useState<Problem>()
  const [leave, busy] = useAction(async () => {
    setProblem(undefined)
    const sent = await send(SignOut, {}, { asksToSignIn: false })
    // Who is not signed in any more wanted nothing else.
    if (sent.problem && sent.problem.code !== 'UNAUTHENTICATED') {
      setProblem(sent.problem)
      return
    }
    signedOut()
    toast(words.mine.signedOut)
    navigate('/')
  })
  return (
    <section className={css.section}>
      <div className={css.buttons}>
        <Button busy={busy} busyLabel={words.mine.signingOut} onClick={leave}>
          {words.mine.signOut}
        </Button>
      </div>
      <p className={css.soft}>{words.mine.signOutText}</p>
      <Refusal problem={problem} />
    </section>
  )
}
