/** What a development server tells its pages. */
export interface ForDevelopers {
  /** The accounts that it has from the start. */
  accounts: { who: string; email: string; password: string }[]
  /** Whether the mail that it sends can be read at /dev/mailbox/. */
  mailbox: boolean
}

/** What the server says to developers, in the head of its page; undefined on every other server. */
export const forDevelopers = told()

function told(): ForDevelopers | undefined {
  const content = document.querySelector<HTMLMetaElement>('meta[name=developers]')?.content
  if (!content) return undefined
  const { accounts, mailbox } = JSON.parse(content) as Partial<ForDevelopers>
  return { accounts: accounts ?? [], mailbox: mailbox ?? false }
}
