import { useId, type ComponentProps, type ReactNode } from 'react'

import css from './Field.module.css'

interface FieldProps extends Omit<ComponentProps<'input'>, 'className' | 'id'> {
  label: string
  hint?: ReactNode
  error?: string | undefined
}

/** An input with its label, hint and error, which are read out together. */
export function Field({ label, hint, error, ...rest }: FieldProps) {
  const id = useId()
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <input {...rest} {...described(id, hint, error)} className={css.input} />
    </Labelled>
  )
}

interface SelectProps extends Omit<ComponentProps<'select'>, 'className' | 'id'> {
  label: string
  hint?: ReactNode
  error?: string | undefined
}

export function Select({ label, hint, error, ...rest }: SelectProps) {
  const id = useId()
  return (
    <Labelled id={id} label={label} hint={hint} error={error}>
      <select {...rest} {...described(id, hint, error)} className={css.input} />
    </Labelled>
  )
}

function described(id: string, hint: ReactNode, error: string | undefined) {
  const by = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(' ')
  return { id, 'aria-describedby': by || undefined, 'aria-invalid': error ? true : undefined }
}

interface LabelledProps {
  id: string
  label: string
  hint: ReactNode
  error: string | undefined
  children: ReactNode
}

function Labelled({ id, label, hint, error, children }: LabelledProps) {
  return (
    <div className={css.field}>
      <label htmlFor={id} className={css.label}>
        {label}
      </label>
      {children}
      {error && (
        <p id={`${id}-error`} className={css.error}>
          {error}
        </p>
      )}
      {hint && (
        <p id={`${id}-hint`} className={css.hint}>
          {hint}
        </p>
      )}
    </div>
  )
}
