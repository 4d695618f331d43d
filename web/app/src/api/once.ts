import { isDefinite, type Problem } from './errors'

/*
 * One idempotency key per intent, kept where the intent is: the same scope and input have the same key, after a reload as
 * well, until the server answered definitely. A repeated request is then the same request.
 */

const prefix = 'once:'

/** A random UUID, also where a page without TLS has no crypto.randomUUID. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** The key of what is about to be done; a changed input is another intent. */
export function keyFor(scope: string, input: unknown): string {
  const text = canonical(input)
  const kept = sessionStorage.getItem(prefix + scope)
  if (kept) {
    const { key, input: earlier } = JSON.parse(kept) as { key: string; input: string }
    if (earlier === text) return key
  }
  const key = newKey()
  sessionStorage.setItem(prefix + scope, JSON.stringify({ key, input: text }))
  return key
}

/** Forgets the key when the answer was definite: done, or refused for good. */
export function settle(scope: string, problem: Problem | undefined): void {
  if (!problem || isDefinite(problem)) sessionStorage.removeItem(prefix + scope)
}

/** JSON whose objects are sorted by name, so that equal inputs are equal texts. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    inner && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
