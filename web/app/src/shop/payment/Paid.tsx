import { useParams } from 'wouter'

import { graphql } from '../../api/graphql'
import { useLoad } from '../../api/load'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice } from '../../ui/Problem'
import { Bone, Skeleton } from '../../ui/Skeleton'
import { ButtonLink } from '../../ui/Button'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { payment } from '../../words/payment'
import { PanelOrder } from './fields'
import css from './Paid.module.css'
import { PaymentPanel } from './PaymentPanel'

const PaidQuery = graphql(
  `
    query Paid($id: ID!) {
      viewer {
        id
      }
      order(id: $id) {
        ...PanelOrder
      }
    }
  `,
  [PanelOrder],
)

/** Where the gateway sends people back to. What the address says of the outcome is ignored: the books know. */
export default function Paid() {
  const { id = '' } = useParams()
  const words = useWords(payment)
  const names = useWords(common)
  const { data, problem: refused, reload } = useLoad(PaidQuery, { id })
  const order = data?.order
  // A session may end while one is at the gateway: what was paid is paid, and is there to be seen after signing in.
  const problem = data?.viewer === null ? ({ code: 'UNAUTHENTICATED' } as const) : refused
  return (
    <Page title={words.title} narrow ready={data !== undefined} aside={order && words.orderNumber(order.number)}>
      {order ? (
        <PaymentPanel order={order} reload={reload} />
      ) : problem ? (
        <ErrorPanel problem={problem} onRetry={reload} />
      ) : data ? (
        <Notice title={names.notFound} text={names.notFoundText}>
          <ButtonLink href="/orders">{words.seeOrders}</ButtonLink>
        </Notice>
      ) : (
        <Checking />
      )}
    </Page>
  )
}

function Checking() {
  const words = useWords(payment)
  return (
    <Skeleton className={css.checking}>
      <p>{words.checking}</p>
      <Bone size="block" />
    </Skeleton>
  )
}
