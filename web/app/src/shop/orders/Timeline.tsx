import { useWon } from '../../ui/Money'
import { When } from '../../ui/When'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { orders } from '../../words/orders'
import css from './OrderPage.module.css'
import type { Order } from './order'
import { timeline } from './happenings'

/** The record of the order and its payment, in words, oldest first. */
export function Timeline({ order }: { order: Order }) {
  const words = useWords(orders)
  const { pg } = useWords(common)
  const won = useWon()
  const gateway = (name: string) => (name === 'KAKAO' || name === 'TOSS' ? pg[name] : name)
  return (
    <section className={css.section} aria-labelledby="timeline">
      <h2 id="timeline">{words.timeline}</h2>
      <ol className={css.timeline}>
        {timeline(order, { words, won, gateway }).map((line) => (
          <li key={line.key}>
            <span>{line.text}</span>
            <span className={css.soft}>
              <When at={line.at} relative />
            </span>
          </li>
        ))}
      </ol>
    </section>
  )
}
