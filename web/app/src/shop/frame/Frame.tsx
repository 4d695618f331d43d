import { lazy, Suspense, useEffect, type ReactNode } from 'react'

import { useOnline } from '../../api/activity'
import { useInsist } from '../../api/load'
import { useSession } from '../../api/session'
import { NoNetwork } from '../../ui/icons'
import { shopName } from '../../ui/shopName'
import { Toasts } from '../../ui/Toast'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { useLeaving } from '../payment/leaving'
import { Footer } from './Footer'
import css from './Frame.module.css'
import { Header } from './Header'
import { useShop } from './useShop'

const Leaving = lazy(() => import('../payment/Leaving'))
const SignInDialog = lazy(() => import('./SignInDialog'))

/** What stands around every screen. */
export function Frame({ children }: { children: ReactNode }) {
  const words = useWords(common)
  const online = useOnline()
  const { asking } = useSession()
  const leaving = useLeaving()
  const { shop, ...loaded } = useShop()
  useInsist(loaded)
  useEffect(() => {
    if (shop) shopName.set(shop.name)
  }, [shop])
  return (
    <div className={css.frame}>
      <a href="#main" className={css.skip}>
        {words.skip}
      </a>
      <Header />
      <div role="status" className={css.offline}>
        {!online && (
          <p>
            <NoNetwork />
            {words.offline}
          </p>
        )}
      </div>
      <main id="main" tabIndex={-1} className={css.main}>
        {children}
      </main>
      <Footer />
      <Toasts />
      {leaving && (
        <Suspense>
          <Leaving to={leaving} />
        </Suspense>
      )}
      {asking && (
        <Suspense>
          <SignInDialog />
        </Suspense>
      )}
    </div>
  )
}
