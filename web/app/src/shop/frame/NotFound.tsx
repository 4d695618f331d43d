import { Page } from '../../ui/Page'
import { Notice } from '../../ui/Problem'
import { ButtonLink } from '../../ui/Button'
import { common } from '../../words/common'
import { useWords } from '../../words/language'

export function NotFound() {
  const words = useWords(common)
  return (
    <Page title={words.notFound} unseenTitle>
      <Notice title={words.notFound} text={words.notFoundText}>
        <ButtonLink href="/" kind="main">
          {words.home}
        </ButtonLink>
      </Notice>
    </Page>
  )
}
