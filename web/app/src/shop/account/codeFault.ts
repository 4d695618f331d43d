import type { Problem } from '../../api/errors'
import type { account } from '../../words/account'
import { mostTries } from './mailed'

/** What is wrong with a mailed code, after so many that were wrong. */
export function codeFault({ field }: Problem, wrong: number, words: (typeof account)['ko']): string {
  if (field !== 'code') return wrong > mostTries ? words.code.spent : words.code.useless
  return wrong < mostTries ? words.code.wrong(mostTries - wrong) : words.code.spent
}
