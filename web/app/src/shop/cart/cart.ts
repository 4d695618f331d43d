import { newKey } from '../../api/once'
import { followSignOut } from '../../api/session'
import { newStore, useStore } from '../../api/store'

/*
 * The cart lives in this browser, with the idempotency key of the order that it would become: the key belongs to the
 * content, so two tabs with the same cart send the same key and get one order. Keys of orders that were placed are kept
 * for a day, for a tab that was left standing at the checkout.
 */

export interface CartLine {
  id: string
  quantity: number
  /** What it cost when it was put in. */
  price: number
}

export interface Cart {
  key: string
  lines: CartLine[]
  done: Record<string, { order: string; at: number }>
}

/** As many lines as the server reads products at once. */
export const mostLines = 100
export const mostPieces = 1_000_000

const name = 'cart'
const dayLong = 24 * 60 * 60_000
const store = newStore(read())

addEventListener('storage', (event) => {
  if (event.key === name || event.key === null) store.set(read())
})

export const useCart = () => useStore(store)

export const useCartCount = () => useCart().lines.reduce((count, { quantity }) => count + quantity, 0)

/** What localStorage holds, or an empty cart when that is nothing of ours. */
function read(): Cart {
  const kept = parse(localStorage.getItem(name))
  if (!kept) return { key: newKey(), lines: [], done: {} }
  return kept
}

function parse(text: string | null): Cart | undefined {
  try {
    const { key, lines, done } = JSON.parse(text ?? '') as Partial<Cart>
    if (typeof key !== 'string' || !Array.isArray(lines) || !lines.every(isLine)) return undefined
    const fresh = Object.entries(done ?? {}).filter(([, { at }]) => Date.now() - at < dayLong)
    return { key, lines, done: Object.fromEntries(fresh) }
  } catch {
    return undefined
  }
}

function isLine(line: CartLine): boolean {
  return typeof line?.id === 'string' && Number.isSafeInteger(line.quantity) && line.quantity > 0 && line.price >= 0
}

function write(cart: Cart): void {
  localStorage.setItem(name, JSON.stringify(cart))
  store.set(cart)
}

/** Changes the lines of what is in storage now, which another tab may have changed; other lines are another order. */
function change(edit: (lines: CartLine[]) => CartLine[]): void {
  const { done, lines } = read()
  write({ key: newKey(), lines: edit(lines), done })
}

/** Puts pieces of a product in, and reports whether there was room for it. */
export function addToCart(id: string, price: number, quantity: number): boolean {
  const { lines } = read()
  const there = lines.find((line) => line.id === id)
  if (!there && lines.length >= mostLines) return false
  const pieces = Math.min(mostPieces, (there?.quantity ?? 0) + quantity)
  const line = { id, price, quantity: pieces }
  change((old) => (there ? old.map((other) => (other.id === id ? line : other)) : [...old, line]))
  return true
}

export function setQuantity(id: string, quantity: number): void {
  change((lines) => lines.map((line) => (line.id === id ? { ...line, quantity } : line)))
}

export function removeFromCart(id: string): void {
  change((lines) => lines.filter((line) => line.id !== id))
}

/** Takes the prices of today for those that the cart remembers, once they have been seen. The order stays the same. */
export function acceptPrices(prices: Map<string, number>): void {
  const cart = read()
  write({ ...cart, lines: cart.lines.map((line) => ({ ...line, price: prices.get(line.id) ?? line.price })) })
}

/** What is ordered of a product. */
export type Ordered = Pick<CartLine, 'id' | 'quantity'>

/**
 * The idempotency key of an order for these lines of a cart, which may be fewer than all: some may be sold out. The same
 * cart and lines have the same key in every tab.
 */
export function orderKey({ key }: Cart, lines: Ordered[]): string {
  const text = lines.map(({ id, quantity }) => `${id} ${quantity}`).join()
  return `${key}-${checksum(text)}`
}

function checksum(text: string): string {
  let [high, low] = [0x1b873593, 0x85ebca6b]
  for (const character of text) {
    const code = character.codePointAt(0)!
    high = Math.imul(high ^ code, 0x9e3779b1)
    low = Math.imul(low ^ code, 0x5f356495)
  }
  return [high, low].map((half) => (half >>> 0).toString(36)).join('')
}

/** Empties the cart of what was ordered with a key, and remembers which order that is. */
export function ordered(key: string, order: string, lines: Ordered[]): void {
  const cart = read()
  const bought = new Map(lines.map((line) => [line.id, line.quantity]))
  const left = cart.lines
    .map((line) => ({ ...line, quantity: line.quantity - (bought.get(line.id) ?? 0) }))
    .filter((line) => line.quantity > 0)
  write({ key: newKey(), lines: left, done: { ...cart.done, [key]: { order, at: Date.now() } } })
}

/** The order that was placed with a key, by this tab or another. */
export function orderOf(key: string): string | undefined {
  return read().done[key]?.order
}

/** The order that was placed from the cart that had this key. */
export function orderFrom(cartKey: string): string | undefined {
  return Object.entries(read().done).find(([key]) => key.startsWith(`${cartKey}-`))?.[1].order
}

/** Gives the cart another key, after the old one turned out to stand for something else. */
export function renewKey(): void {
  write({ ...read(), key: newKey() })
}

// Which orders were placed from here is nobody else's business.
followSignOut(() => {
  const { lines } = read()
  write({ key: newKey(), lines, done: {} })
})
