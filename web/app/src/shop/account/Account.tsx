import { Page } from '../../ui/Page'
import { useWords } from '../../words/language'
import { account } from '../../words/account'

export default function Account() {
  const words = useWords(account)
  return (
    <Page title={words.title} narrow>
      {null}
    </Page>
  )
}
