import { lazy, Suspense } from 'react'
import { Route, Switch } from 'wouter'

import { Api } from '../api/Api'
import { Catch } from '../ui/Catch'
import { TextSkeleton } from '../ui/Skeleton'
import { Catalogue } from './catalogue/Catalogue'
import { Frame } from './frame/Frame'
import { NotFound } from './frame/NotFound'

const ProductPage = lazy(() => import('./catalogue/ProductPage'))
const Cart = lazy(() => import('./cart/Cart'))
const Checkout = lazy(() => import('./checkout/Checkout'))
const Paid = lazy(() => import('./payment/Paid'))
const Orders = lazy(() => import('./orders/Orders'))
const OrderPage = lazy(() => import('./orders/OrderPage'))
const OrderReceipt = lazy(() => import('./orders/OrderReceipt'))
const Account = lazy(() => import('./account/Account'))
const SignIn = lazy(() => import('./account/SignIn'))
const SignUp = lazy(() => import('./account/SignUp'))
const Reset = lazy(() => import('./account/Reset'))

/** The storefront. The server answers each of these paths, and no other, with its page. */
export function App() {
  return (
    <Api>
      <Frame>
        <Catch>
          <Suspense fallback={<TextSkeleton />}>
            <Switch>
              <Route path="/" component={Catalogue} />
              <Route path="/products" component={Catalogue} />
              <Route path="/products/:id" component={ProductPage} />
              <Route path="/cart" component={Cart} />
              <Route path="/checkout" component={Checkout} />
              <Route path="/orders" component={Orders} />
              <Route path="/orders/:id" component={OrderPage} />
              <Route path="/orders/:id/paid" component={Paid} />
              <Route path="/orders/:id/receipt" component={OrderReceipt} />
              <Route path="/account" component={Account} />
              <Route path="/sign-in" component={SignIn} />
              <Route path="/sign-up" component={SignUp} />
              <Route path="/reset" component={Reset} />
              <Route component={NotFound} />
            </Switch>
          </Suspense>
        </Catch>
      </Frame>
    </Api>
  )
}
