import { useEffect, useRef, useState } from 'react'

/** What is wrong with the fields of a form, by their names. */
export type Faults = Partial<Record<string, string>>

/** Shows what is wrong at the fields of a form, and gives the first of them the focus. */
export function useFaults() {
  const form = useRef<HTMLFormElement>(null)
  const [faults, setFaults] = useState<Faults>({})
  useEffect(() => {
    const first = Object.keys(faults)[0]
    const field = first && form.current?.elements.namedItem(first)
    if (field instanceof HTMLElement) field.focus()
  }, [faults])
  return { form, faults, setFaults }
}

/** Leaves out what is not wrong, and reports whether anything is. */
export function faultsOf(found: Record<string, string | false | undefined>): Faults | undefined {
  const wrong = Object.entries(found).filter((fault): fault is [string, string] => Boolean(fault[1]))
  return wrong.length > 0 ? Object.fromEntries(wrong) : undefined
}
