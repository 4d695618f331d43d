import { Page } from '../../ui/Page'
import { useWords } from '../../words/language'
import { checkout } from '../../words/checkout'

export default function Checkout() {
  const words = useWords(checkout)
  return (
    <Page title={words.title} narrow>
      {null}
    </Page>
  )
}
