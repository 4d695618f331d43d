import { useNow } from '../../ui/When'
import { useWords } from '../../words/language'
import { payment } from '../../words/payment'

/** How long one can pay still: in minutes, and in seconds in the last of them. */
export function TimeLeft({ until }: { until: string }) {
  const words = useWords(payment)
  const seconds = Math.ceil((Date.parse(until) - useNow(1)) / 1000)
  if (seconds <= 0) return <p>{words.timeUp}</p>
  const time = seconds < 60 ? words.seconds(seconds) : words.minutes(Math.floor(seconds / 60))
  return <p>{words.payWithin(time)}</p>
}
