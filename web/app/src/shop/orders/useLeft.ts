import { useNow } from '../../ui/When'

/** Seconds until a time, down to none. */
export function useLeft(until: string): number {
  return Math.max(0, Math.ceil((Date.parse(until) - useNow(1)) / 1000))
}
