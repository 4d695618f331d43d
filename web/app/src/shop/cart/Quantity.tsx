import { useId, useState } from 'react'

import { Minus, Plus } from '../../ui/icons'
import { catalogue } from '../../words/catalogue'
import { useWords } from '../../words/language'
import css from './Quantity.module.css'

interface QuantityProps {
  /** What is counted, for those who hear the page. */
  label: string
  value: number
  most: number
  /** Called with what was entered, or undefined while that is not a quantity. */
  onChange: (quantity: number | undefined) => void
}

/** A number of pieces, by buttons or typed. What is no quantity is said, and stays to be corrected. */
export function Quantity({ label, value, most, onChange }: QuantityProps) {
  const words = useWords(catalogue)
  const id = useId()
  const [typed, setTyped] = useState<string>()
  const wrong = typed === undefined ? undefined : complaint(typed, most, words)
  const enter = (text: string) => {
    setTyped(text)
    onChange(complaint(text, most, words) ? undefined : parse(text))
  }
  const step = (by: number) => {
    setTyped(undefined)
    onChange(Math.min(most, Math.max(1, value + by)))
  }
  return (
    <div className={css.quantity}>
      <div className={css.row} role="group" aria-label={label}>
        <button type="button" aria-label={words.fewer} aria-disabled={value <= 1} onClick={() => step(-1)}>
          <Minus size={18} />
        </button>
        <input
          inputMode="numeric"
          autoComplete="off"
          aria-label={label}
          aria-invalid={wrong ? true : undefined}
          aria-describedby={wrong ? id : undefined}
          value={typed ?? value}
          onChange={(event) => enter(event.currentTarget.value)}
          onBlur={() => {
            if (!wrong) setTyped(undefined)
          }}
        />
        <button type="button" aria-label={words.oneMore} aria-disabled={value >= most} onClick={() => step(1)}>
          <Plus size={18} />
        </button>
      </div>
      {wrong && (
        <p id={id} role="alert" className={css.wrong}>
          {wrong}
        </p>
      )}
    </div>
  )
}

/** A whole number, as people in Korea may type it: with commas, or in full-width digits. */
function parse(text: string): number | undefined {
  const digits = text.normalize('NFKC').replace(/[,\s]/g, '')
  return /^\d{1,9}$/.test(digits) ? Number(digits) : undefined
}

function complaint(text: string, most: number, words: (typeof catalogue)['ko']): string | undefined {
  const quantity = parse(text)
  if (quantity === undefined) return words.notANumber
  if (quantity < 1) return words.atLeastOne
  if (quantity > most) return words.atMost(most)
  return undefined
}
