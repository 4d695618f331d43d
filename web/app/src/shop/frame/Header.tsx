import { Link, useLocation, useSearchParams } from 'wouter'

import { useCartCount } from '../cart/cart'
import { Bag, Glass, Person, Receipt } from '../../ui/icons'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import css from './Header.module.css'
import { useShop } from './useShop'

export function Header() {
  const words = useWords(common)
  const { shop, viewer } = useShop()
  const count = useCartCount()
  return (
    <header className={css.header}>
      <div className={css.row}>
        <Link href="/" className={css.name}>
          {shop?.name ?? words.shop}
        </Link>
        <Search />
        <nav className={css.links} aria-label={words.menu}>
          <Link href="/orders" className={css.link}>
            <Receipt size={22} />
            <span>{words.orders}</span>
          </Link>
          <Link href={viewer ? '/account' : '/sign-in'} className={css.link}>
            <Person size={22} />
            <span>{viewer ? words.account : words.signIn}</span>
          </Link>
          <Link href="/cart" className={css.link}>
            <span className={css.bag}>
              <Bag size={22} />
              {count > 0 && <b className={css.count} aria-hidden="true">{count > 99 ? '99+' : count}</b>}
            </span>
            <span>{words.cart}</span>
            {count > 0 && <span className="unseen">{words.cartPieces(count)}</span>}
          </Link>
        </nav>
      </div>
    </header>
  )
}

/** Sends the word to the list of products. The list itself follows while one types. */
function Search() {
  const words = useWords(common)
  const [path, navigate] = useLocation()
  const [params, setParams] = useSearchParams()
  const onList = path === '/' || path === '/products'
  const word = onList ? (params.get('q') ?? '') : ''
  return (
    <form
      key={onList ? 'list' : path}
      role="search"
      className={css.search}
      onSubmit={(event) => {
        event.preventDefault()
        const wanted = String(new FormData(event.currentTarget).get('q') ?? '').trim()
        if (!onList) navigate(wanted ? `/products?${new URLSearchParams({ q: wanted })}` : '/products')
      }}
    >
      <Glass />
      <input
        type="search"
        name="q"
        {...(onList && { value: word })}
        aria-label={words.search}
        placeholder={words.searchHint}
        maxLength={100}
        autoComplete="off"
        onChange={(event) => {
          if (!onList) return
          const wanted = event.currentTarget.value
          setParams(
            (old) => {
              const next = new URLSearchParams(old)
              if (wanted.trim()) next.set('q', wanted)
              else next.delete('q')
              return next
            },
            { replace: true },
          )
        }}
      />
    </form>
  )
}
