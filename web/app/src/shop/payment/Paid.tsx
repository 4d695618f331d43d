import { Page } from '../../ui/Page'
import { useWords } from '../../words/language'
import { payment } from '../../words/payment'

export default function Paid() {
  const words = useWords(payment)
  return (
    <Page title={words.title} narrow>
      {null}
    </Page>
  )
}
