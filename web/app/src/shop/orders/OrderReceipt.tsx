import { Page } from '../../ui/Page'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'

export default function OrderReceipt() {
  const words = useWords(orders)
  return (
    <Page title={words.title} narrow>
      {null}
    </Page>
  )
}
