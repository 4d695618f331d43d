import type { account } from '../../words/account'

type Words = (typeof account)['ko']

/** What is wrong with an address at first sight; the server looks closer. */
export function emailFault(email: string, words: Words): string | undefined {
  if (!email) return words.needEmail
  return /^[^@\s]+@[^@\s]+\.[^@\s]+$/.test(email) ? undefined : words.notEmail
}

/** What is wrong with a new password. */
export function passwordFault(password: string, words: Words): string | undefined {
  if (!password) return words.needPassword
  return [...password.normalize('NFKC')].length < 8 ? words.shortPassword : undefined
}

/** The digits of a mailed code, however they were typed or pasted: with spaces, words around them, or in full width. */
export function digitsOf(typed: string): string {
  return typed.normalize('NFKC').replace(/\D/g, '').slice(0, 6)
}
