import { useId } from 'react'

import type { Enum } from '../../api/graphql'
import { Select } from '../../ui/Field'
import { Bank, Card, Coin, Phone, Transfer } from '../../ui/icons'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { payment } from '../../words/payment'
import type { Way } from './pay'
import css from './Ways.module.css'

export interface Gateway {
  pg: Enum<'PG'>
  methods: Enum<'PaymentMethod'>[]
  available: boolean
}

const icons: Record<Enum<'PaymentMethod'>, typeof Card> = {
  CARD: Card,
  VIRTUAL_ACCOUNT: Bank,
  TRANSFER: Transfer,
  MOBILE_PHONE: Phone,
  MONEY: Coin,
}

/** From how much on a card may be charged in instalments, and in how many at most. */
const instalmentsFrom = 50_000
const mostMonths = 12

export const mayPayLater = (method: Enum<'PaymentMethod'>, total: number) => method === 'CARD' && total >= instalmentsFrom

interface WaysProps {
  gateways: Gateway[]
  total: number
  way: Way | undefined
  onChoose: (way: Way) => void
}

/** The ways to pay, one of which is chosen. */
export function Ways({ gateways, total, way, onChoose }: WaysProps) {
  const words = useWords(payment)
  const names = useWords(common)
  const group = useId()
  if (!gateways.some(({ available }) => available)) return <p className={css.none}>{words.noWay}</p>
  return (
    <fieldset className={css.ways}>
      <legend className={css.legend}>{words.how}</legend>
      {gateways.map(({ pg, methods, available }) => (
        <div key={pg} className={css.gateway}>
          <h3 className={css.pg}>
            {names.pg[pg]}
            {!available && <span className={css.notNow}>{words.notNow}</span>}
          </h3>
          <div className={css.methods}>
            {methods.map((method) => {
              const Icon = icons[method]
              return (
                <label key={method} className={css.method}>
                  <input
                    type="radio"
                    name={group}
                    disabled={!available}
                    checked={way?.pg === pg && way.method === method}
                    onChange={() => onChoose({ pg, method, months: 0 })}
                  />
                  <Icon />
                  <span>
                    <span className="unseen">{names.pg[pg]} </span>
                    {names.method[method]}
                  </span>
                </label>
              )
            })}
          </div>
        </div>
      ))}
      {!way && (
        <p role="alert" className={css.none}>
          {words.wayGone}
        </p>
      )}
      {way?.method === 'CARD' && (
        <Months total={total} months={way.months} onChoose={(months) => onChoose({ ...way, months })} />
      )}
    </fieldset>
  )
}

function Months({ total, months, onChoose }: { total: number; months: number; onChoose: (months: number) => void }) {
  const words = useWords(payment)
  const may = mayPayLater('CARD', total)
  return (
    <div className={css.months}>
      <Select
        label={words.months}
        hint={may ? undefined : words.monthsFrom}
        value={may ? months : 0}
        disabled={!may}
        onChange={(event) => onChoose(Number(event.currentTarget.value))}
      >
        <option value={0}>{words.lump}</option>
        {Array.from({ length: mostMonths - 1 }, (_, place) => place + 2).map((count) => (
          <option key={count} value={count}>
            {words.monthsOf(count)}
          </option>
        ))}
      </Select>
    </div>
  )
}

/** The way to pay with, and in words why there is none. */
export function useWay(gateways: Gateway[], chosen: Way | undefined): { way: Way | undefined; missing: string | undefined } {
  const words = useWords(payment)
  const way = wayAmong(gateways, chosen)
  if (way) return { way, missing: undefined }
  return { way, missing: chosen ? words.wayGone : words.noWay }
}

/** The way that was chosen, if it works now; the first that works when nobody has chosen. Nobody is sent another way. */
function wayAmong(gateways: Gateway[], chosen: Way | undefined): Way | undefined {
  const working = gateways.filter(({ available }) => available)
  if (chosen) return working.some(({ pg, methods }) => pg === chosen.pg && methods.includes(chosen.method)) ? chosen : undefined
  const first = working.find(({ methods }) => methods.length > 0)
  return first && { pg: first.pg, method: first.methods[0]!, months: 0 }
}
