import type { Problem } from '../../api/errors'
import { ButtonLink } from '../../ui/Button'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice } from '../../ui/Problem'
import { TextSkeleton } from '../../ui/Skeleton'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'

interface UnshownProps {
  title: string
  /** What the server said so far of the viewer and the order. */
  answer: { viewer: { email: string } | null; order: unknown } | undefined
  problem: Problem | undefined
  reload: () => void
}

/** What stands where an order would: it is on its way, cannot be shown, or is none of the viewer's. */
export function Unshown({ title, answer, problem, reload }: UnshownProps) {
  const refused = problem?.code ?? 'NOT_FOUND'
  if (answer?.viewer && answer.order === null && refused === 'NOT_FOUND') return <Missing email={answer.viewer.email} />
  const failed = answer?.viewer === null ? ({ code: 'UNAUTHENTICATED' } as const) : problem
  return (
    <Page title={title} narrow ready={false}>
      {failed ? <ErrorPanel problem={failed} onRetry={reload} /> : <TextSkeleton />}
    </Page>
  )
}

/** Nobody's order, or another's: the two are never told apart. */
function Missing({ email }: { email: string }) {
  const words = useWords(orders)
  return (
    <Page title={words.missing} unseenTitle>
      <Notice title={words.missing} text={`${words.missingText} ${words.signedInAs(email)}`}>
        <ButtonLink href="/orders" kind="main">
          {words.mine}
        </ButtonLink>
      </Notice>
    </Page>
  )
}
