import { Field, Select } from '../../ui/Field'
import { useLanguage, useWords } from '../../words/language'
import { orders } from '../../words/orders'
import type { Faults } from '../account/useFaults'
import { banks } from './banks'
import css from './OrderPage.module.css'

/** Where what was paid into a virtual account is given back to. */
export function RefundAccount({ faults }: { faults: Faults }) {
  const words = useWords(orders).cancel
  const language = useLanguage()
  return (
    <fieldset className={css.account}>
      <legend>{words.account}</legend>
      <Select label={words.bank} name="bankCode" required defaultValue="" error={faults.bankCode}>
        <option value="" disabled>
          {words.choose}
        </option>
        {banks.map(({ code, name }) => (
          <option key={code} value={code}>
            {name[language]}
          </option>
        ))}
      </Select>
      <Field
        label={words.accountNumber}
        name="accountNumber"
        inputMode="numeric"
        autoComplete="off"
        required
        maxLength={40}
        hint={words.accountNumberHint}
        error={faults.accountNumber}
      />
      <Field label={words.holder} name="holderName" autoComplete="name" required maxLength={60} error={faults.holderName} />
    </fieldset>
  )
}
