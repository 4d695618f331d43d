import { useEffect, useId, useRef } from 'react'

import type { Enum } from '../../api/graphql'
import { common } from '../../words/common'
import { useWords } from '../../words/language'
import { payment } from '../../words/payment'
import css from './Leaving.module.css'

/** Covers the page from the press until the gateway's page appears, so that nothing else can be begun. */
export default function Leaving({ to }: { to: Enum<'PG'> }) {
  const words = useWords(payment)
  const { pg } = useWords(common)
  const id = useId()
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const element = dialog.current!
    element.showModal()
    return () => element.close()
  }, [])
  return (
    <dialog ref={dialog} className={css.leaving} aria-labelledby={id} onCancel={(event) => event.preventDefault()}>
      <span className={css.spinner} aria-hidden="true" />
      <h2 id={id}>{words.toGateway(pg[to])}</h2>
      <p>{words.toGatewayText}</p>
    </dialog>
  )
}
