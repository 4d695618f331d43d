import { Link, useSearchParams } from 'wouter'

import { graphql, type Enum, type ResultOf } from '../../api/graphql'
import { useKept } from '../../api/kept'
import { useLoad } from '../../api/load'
import { usePages } from '../../api/usePages'
import { Button, ButtonLink } from '../../ui/Button'
import { Chevron } from '../../ui/icons'
import { Money } from '../../ui/Money'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice } from '../../ui/Problem'
import { Bone, Skeleton } from '../../ui/Skeleton'
import { Status } from '../../ui/Status'
import { When } from '../../ui/When'
import { account } from '../../words/account'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import css from './Orders.module.css'
import { useLeft } from './useLeft'

const OrdersQuery = graphql(`
  query Orders($first: Int!, $after: String, $status: [OrderStatus!]) {
    viewer {
      id
      orders(first: $first, after: $after, status: $status) {
        nodes {
          id
          number
          status
          total
          placedAt
          expiresAt
          version
          lines {
            name
          }
          payment {
            id
            status
            refundedAmount
            version
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`)

type Row = NonNullable<ResultOf<typeof OrdersQuery>['viewer']>['orders']['nodes'][number]

const tabs = {
  all: null,
  placed: ['PLACED'],
  paid: ['PAID'],
  canceled: ['CANCELED', 'EXPIRED'],
} satisfies Record<string, Enum<'OrderStatus'>[] | null>

type Tab = keyof typeof tabs

/** The viewer's orders, newest first. */
export default function Orders() {
  const words = useWords(orders)
  const [params] = useSearchParams()
  const asked = params.get('status') ?? 'all'
  const tab = Object.hasOwn(tabs, asked) ? (asked as Tab) : 'all'
  const pages = usePages(`orders ${tab}`, { page: 20, most: 100 })
  const { data, problem, fetching, reload } = useLoad(OrdersQuery, {
    first: pages.first,
    after: pages.after,
    status: tabs[tab],
  })
  const list = useKept(data?.viewer?.orders, data?.viewer)
  const { hasNextPage = false, endCursor } = list?.pageInfo ?? {}
  pages.useCatchUp({ count: list?.nodes.length, hasNextPage, endCursor, settled: !fetching && !problem })
  const failed = data?.viewer === null && !list ? ({ code: 'UNAUTHENTICATED' } as const) : problem
  return (
    <Page title={words.title} narrow ready={list !== undefined}>
      {list && <Tabs current={tab} />}
      {list?.nodes.length === 0 && !fetching && <Empty tab={tab} />}
      {list && list.nodes.length > 0 && (
        <ul className={css.list}>
          {list.nodes.map((order) => (
            <li key={order.id}>
              <Card order={order} />
            </li>
          ))}
        </ul>
      )}
      {list && hasNextPage && (
        <Button busy={fetching} busyLabel={words.loadingMore} onClick={() => pages.more(endCursor)}>
          {words.more}
        </Button>
      )}
      {failed && <ErrorPanel problem={failed} onRetry={reload} />}
      {!list && !failed && <ListSkeleton />}
    </Page>
  )
}

function Tabs({ current }: { current: Tab }) {
  const words = useWords(orders)
  return (
    <nav className={css.tabs} aria-label={words.tabs.label}>
      {(Object.keys(tabs) as Tab[]).map((tab) => (
        <Link
          key={tab}
          href={tab === 'all' ? '/orders' : `/orders?status=${tab}`}
          aria-current={tab === current ? 'page' : undefined}
        >
          {words.tabs[tab]}
        </Link>
      ))}
    </nav>
  )
}

function Empty({ tab }: { tab: Tab }) {
  const words = useWords(orders)
  return (
    <Notice title={words.empty[tab]}>
      {tab === 'all' ? (
        <ButtonLink href="/products" kind="main">
          {words.browse}
        </ButtonLink>
      ) : (
        <ButtonLink href="/orders">{words.showAll}</ButtonLink>
      )}
    </Notice>
  )
}

function Card({ order }: { order: Row }) {
  const words = useWords(orders)
  const [first, ...others] = order.lines
  const name = others.length > 0 ? words.others(first?.name ?? '', others.length) : first?.name
  return (
    <Link href={`/orders/${order.id}`} className={css.card}>
      <span className={css.facts}>
        <span className={css.top}>
          <Shown order={order} />
          <span className={css.soft}>
            <When at={order.placedAt} />
          </span>
        </span>
        <b className={css.name}>{name}</b>
        <span className={css.soft}>{words.heading(order.number)}</span>
        {order.status === 'PLACED' && order.payment?.status !== 'WAITING_FOR_DEPOSIT' && (
          <TimeLeft until={order.expiresAt} />
        )}
      </span>
      <span className={css.money}>
        <b>
          <Money won={order.total} />
        </b>
        {order.payment !== null && order.payment.refundedAmount > 0 && (
          <span className={css.soft}>
            {words.refunded} <Money won={-order.payment.refundedAmount} />
          </span>
        )}
      </span>
      <Chevron />
    </Link>
  )
}

/** The state of an order that says most: its payment's, where that is under way. */
function Shown({ order: { status, payment } }: { order: Row }) {
  switch (payment?.status) {
    case 'APPROVING':
    case 'UNKNOWN':
    case 'WAITING_FOR_DEPOSIT':
    case 'CANCELING':
    case 'PARTIALLY_CANCELED':
      return <Status payment={payment.status} />
    default:
      return <Status order={status} />
  }
}

function TimeLeft({ until }: { until: string }) {
  const words = useWords(orders)
  const { minutes } = useWords(account)
  const left = useLeft(until)
  return (
    <span className={css.left}>
      {left > 0 ? words.payIn(minutes(Math.floor(left / 60), left % 60)) : words.payOver}
    </span>
  )
}

function ListSkeleton() {
  return (
    <Skeleton className={css.list}>
      {[1, 2, 3].map((row) => (
        <div key={row} className={css.card}>
          <div className={css.facts}>
            <Bone size="short" />
            <Bone />
            <Bone size="short" />
          </div>
        </div>
      ))}
    </Skeleton>
  )
}
