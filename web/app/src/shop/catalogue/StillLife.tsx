import css from './StillLife.module.css'

/*
 * A product without a picture has a drawing of its own, made from its id: a few vessels on a table, always the same for the
 * same product.
 */

/** A vessel by its outline: half widths at heights, from the foot up, as parts of its size. */
const vessels: readonly (readonly (readonly [width: number, height: number])[])[] = [
  // jar
  [[0.26, 0], [0.4, 0.22], [0.43, 0.5], [0.34, 0.74], [0.24, 0.86], [0.28, 0.96]],
  // vase
  [[0.2, 0], [0.33, 0.2], [0.35, 0.42], [0.22, 0.66], [0.13, 0.82], [0.2, 1]],
  // bottle
  [[0.25, 0], [0.29, 0.14], [0.28, 0.44], [0.16, 0.64], [0.09, 0.76], [0.09, 0.96]],
  // bowl
  [[0.17, 0], [0.2, 0.05], [0.4, 0.2], [0.52, 0.4], [0.55, 0.5]],
  // cup
  [[0.24, 0], [0.32, 0.08], [0.37, 0.3], [0.38, 0.58]],
  // moon jar
  [[0.18, 0], [0.37, 0.18], [0.46, 0.42], [0.38, 0.68], [0.2, 0.84], [0.22, 0.9]],
  // tall pot
  [[0.22, 0], [0.28, 0.3], [0.32, 0.65], [0.36, 0.94]],
]

const palettes = ['celadon', 'clay', 'indigo', 'moss', 'plum', 'straw'] as const

export function StillLife({ of: id }: { of: string }) {
  const roll = dice(id)
  const palette = palettes[roll(palettes.length)]!
  const [one, other] = [vessels[roll(vessels.length)]!, vessels[roll(vessels.length)]!]
  const table = 262 + roll(20)
  const sun = { x: 84 + roll(60), y: 96 + roll(40), r: 32 + roll(26) }
  const large = { shape: one, x: 214 + roll(20), foot: table + 40, size: 178 + roll(34) }
  const small = { shape: other, x: 128 + roll(16), foot: table + 58, size: 92 + roll(28) }
  return (
    <svg viewBox="0 0 400 400" className={`${css.picture} ${css[palette]}`} aria-hidden="true" focusable="false">
      <rect className={css.wall} width="400" height="400" />
      <circle className={css.sun} cx={sun.x} cy={sun.y} r={sun.r} />
      <rect className={css.table} y={table} width="400" height={400 - table} />
      <ellipse className={css.shade} cx={large.x + 24} cy={large.foot} rx="116" ry="10" />
      <path className={css.large} d={outline(large)} />
      <ellipse className={css.shade} cx={small.x + 16} cy={small.foot} rx="62" ry="7" />
      <path className={css.small} d={outline(small)} />
    </svg>
  )
}

interface Vessel {
  shape: (typeof vessels)[number]
  x: number
  foot: number
  size: number
}

/** A round body, seen from the side. */
function outline({ shape, x, foot, size }: Vessel): string {
  const right = shape.map(([width, height]): Point => [x + width * size, foot - height * size])
  const left = shape.map(([width, height]): Point => [x - width * size, foot - height * size]).reverse()
  return `M${point(left.at(-1)!)} L${point(right[0]!)} ${curve(right)} L${point(left[0]!)} ${curve(left)} Z`
}

type Point = readonly [number, number]

const point = ([x, y]: Point) => `${x.toFixed(1)} ${y.toFixed(1)}`

/** A smooth line through the points (Catmull and Rom's). */
function curve(points: Point[]): string {
  const at = (place: number) => points[Math.max(0, Math.min(points.length - 1, place))]!
  const beside = (from: Point, [ax, ay]: Point, [bx, by]: Point): Point => [
    from[0] + (bx - ax) / 6,
    from[1] + (by - ay) / 6,
  ]
  const pieces = points.slice(1).map((to, place) => {
    const from = at(place)
    const leaves = beside(from, at(place - 1), to)
    const arrives = beside(to, at(place + 2), from)
    return `C${point(leaves)} ${point(arrives)} ${point(to)}`
  })
  return pieces.join(' ')
}

/** Throws of a die that fall the same for the same text. */
function dice(text: string): (sides: number) => number {
  let state = 2166136261
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0)!, 16777619)
  return (sides) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
    state = Math.imul(state ^ (state >>> 12), 0x297a2d39)
    state ^= state >>> 15
    return (state >>> 0) % sides
  }
}
