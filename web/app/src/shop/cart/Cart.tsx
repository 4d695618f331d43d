import { Page } from '../../ui/Page'
import { useWords } from '../../words/language'
import { cart } from '../../words/cart'

export default function Cart() {
  const words = useWords(cart)
  return (
    <Page title={words.title} narrow>
      {null}
    </Page>
  )
}
