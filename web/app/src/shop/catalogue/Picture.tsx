import { useState } from 'react'

import css from './Picture.module.css'
import { StillLife } from './StillLife'

interface PictureProps {
  product: { id: string; imageUrl: string | null }
  /** Wanted at once, not when it is scrolled to. */
  eager?: boolean
  faded?: boolean
}

/** The product's picture, which says nothing that its name does not, or a drawing in its place. */
export function Picture({ product: { id, imageUrl }, eager = false, faded = false }: PictureProps) {
  const [missing, setMissing] = useState<string>()
  return (
    <span className={faded ? `${css.frame} ${css.faded}` : css.frame}>
      {imageUrl && imageUrl !== missing ? (
        <img
          src={imageUrl}
          alt=""
          width="400"
          height="400"
          loading={eager ? 'eager' : 'lazy'}
          decoding="async"
          onError={() => setMissing(imageUrl)}
        />
      ) : (
        <StillLife of={id} />
      )}
    </span>
  )
}
