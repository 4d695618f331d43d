import { useSearchParams } from 'wouter'

import type { Enum } from '../../api/graphql'
import { Button, ButtonLink } from '../../ui/Button'
import { Page } from '../../ui/Page'
import { ErrorPanel, Notice } from '../../ui/Problem'
import { Bone, Skeleton } from '../../ui/Skeleton'
import { catalogue } from '../../words/catalogue'
import { useWords } from '../../words/language'
import css from './Catalogue.module.css'
import { Tile } from './Tile'
import { useProducts } from './useProducts'
import { useReached } from './useReached'
import { useSettled } from './useSettled'

type Sort = Enum<'ProductOrder'>

/** All products, or those that a word finds. The word and the order are in the address, to be shared. */
export function Catalogue() {
  const words = useWords(catalogue)
  const [params, setParams] = useSearchParams()
  const word = useSettled((params.get('q') ?? '').trim(), 250)
  const wanted = params.get('sort') ?? ''
  const sort: Sort = wanted in words.sort ? (wanted as Sort) : 'NEWEST'
  const list = useProducts(word, sort)
  const choose = (choice: string) =>
    setParams((old) => {
      const next = new URLSearchParams(old)
      if (choice === 'NEWEST') next.delete('sort')
      else next.set('sort', choice)
      return next
    })
  return (
    <Page
      title={word ? words.found(word) : words.title}
      ready={list.products !== undefined}
      aside={
        <select
          className={css.sort}
          aria-label={words.sortLabel}
          value={sort}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {(Object.keys(words.sort) as Sort[]).map((order) => (
            <option key={order} value={order}>
              {words.sort[order]}
            </option>
          ))}
        </select>
      }
    >
      <Products list={list} word={word} />
    </Page>
  )
}

function Products({ list, word }: { list: ReturnType<typeof useProducts>; word: string }) {
  const words = useWords(catalogue)
  const { products, problem, fetching, reload } = list
  if (!products) return problem ? <ErrorPanel problem={problem} onRetry={reload} /> : <TilesSkeleton />
  if (products.length === 0) return <Nothing word={word} />
  return (
    <>
      <p role="status" className="unseen">
        {fetching ? '' : words.count(products.length)}
      </p>
      <ul className={css.tiles} aria-busy={fetching}>
        {products.map((product, place) => (
          <li key={product.id}>
            <Tile product={product} eager={place < 8} />
          </li>
        ))}
      </ul>
      <More list={list} />
    </>
  )
}

/** Shows more when pressed, and from then on when one comes near the end. */
function More({ list: { hasMore, fetching, more, reachesOut, problem, reload } }: { list: ReturnType<typeof useProducts> }) {
  const words = useWords(catalogue)
  const end = useReached(() => more(), reachesOut && hasMore && !fetching && !problem)
  if (problem) return <ErrorPanel problem={problem} onRetry={reload} />
  if (!hasMore) return null
  return (
    <div className={css.more} ref={end}>
      <Button onClick={more} busy={fetching} busyLabel={words.loadingMore}>
        {words.more}
      </Button>
    </div>
  )
}

function Nothing({ word }: { word: string }) {
  const words = useWords(catalogue)
  if (!word) return <Notice title={words.empty} text={words.emptyText} />
  return (
    <Notice title={words.nothing(word)} text={words.nothingText}>
      <ButtonLink href="/products">{words.all}</ButtonLink>
    </Notice>
  )
}

function TilesSkeleton() {
  return (
    <Skeleton className={css.tiles}>
      {Array.from({ length: 12 }, (_, place) => (
        <div key={place} className={css.bones}>
          <Bone size="square" />
          <Bone />
          <Bone size="short" />
        </div>
      ))}
    </Skeleton>
  )
}
