import { StillLife } from './StillLife'
import css from './Picture.module.css'

interface PictureProps {
  product: { id: string }
  /** Wanted at once, not when it is scrolled to. */
  eager?: boolean
  faded?: boolean
}

/** The product's picture, which says nothing that its name does not. */
export function Picture({ product: { id }, faded = false }: PictureProps) {
  return (
    <span className={faded ? `${css.frame} ${css.faded}` : css.frame}>
      <StillLife of={id} />
    </span>
  )
}
