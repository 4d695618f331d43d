import css from './StillLife.module.css'

/*
 * A product without a picture has a drawing of its own, made from its id: a few vessels on a table, always the same for the
 * same product.
 */

/** A vessel by its outline: half widths at heights, from the foot up, as parts of its size. */
const vessels: readonly (readonly (readonly [width: number, height: number])[])[] = [
  // jar
  [[0.3, 0], [0.42, 0.25], [0.44, 0.6], [0.3, 0.82], [0.3, 0.9], [0.34, 1]],
  // vase
  [[0.2, 0], [0.38, 0.3], [0.34, 0.55], [0.14, 0.78], [0.13, 0.9], [0.2, 1]],
  // bottle
  [[0.26, 0], [0.28, 0.1], [0.28, 0.58], [0.11, 0.74], [0.1, 0.94], [0.12, 1]],
  // bowl
  [[0.2, 0], [0.24, 0.06], [0.5, 0.32], [0.58, 0.52]],
  // cup
  [[0.28, 0], [0.34, 0.08], [0.38, 0.4], [0.38, 0.62]],
  // moon jar
  [[0.22, 0], [0.4, 0.2], [0.48, 0.46], [0.4, 0.7], [0.2, 0.86], [0.22, 0.92]],
  // tall pot
  [[0.24, 0], [0.26, 0.04], [0.3, 0.9], [0.34, 0.9], [0.34, 1]],
]

const palettes = ['celadon', 'clay', 'indigo', 'moss', 'plum', 'straw'] as const

export function StillLife({ of: id }: { of: string }) {
  const roll = dice(id)
  const palette = palettes[roll(palettes.length)]!
  const [large, small] = [vessels[roll(vessels.length)]!, vessels[roll(vessels.length)]!]
  const side = roll(2) ? 1 : -1
  const table = 268 + roll(20)
  const sun = { x: 200 - side * (70 + roll(50)), y: 96 + roll(40), r: 34 + roll(26) }
  const tall = 170 + roll(36)
  return (
    <svg viewBox="0 0 400 400" className={`${css.picture} ${css[palette]}`} aria-hidden="true" focusable="false">
      <rect className={css.wall} width="400" height="400" />
      <circle className={css.sun} cx={sun.x} cy={sun.y} r={sun.r} />
      <rect className={css.table} y={table} width="400" height={400 - table} />
      <ellipse className={css.shade} cx={200 + side * 30} cy={table + 44} rx="118" ry="12" />
      <path className={css.large} d={outline(large, 200 + side * 22, table + 42, tall)} />
      <path className={css.small} d={outline(small, 200 - side * 66, table + 56, 96 + roll(28))} />
    </svg>
  )
}

/** A round body of revolution, seen from the side. */
function outline(vessel: (typeof vessels)[number], x: number, foot: number, size: number): string {
  const right = vessel.map(([width, height]) => [x + width * size, foot - height * size] as const)
  const left = vessel.map(([width, height]) => [x - width * size, foot - height * size] as const).reverse()
  return `M${point(left.at(-1)!)} ${curve(right)} L${point(left[0]!)} ${curve(left)} Z`
}

type Point = readonly [number, number]

const point = ([x, y]: Point) => `${x.toFixed(1)} ${y.toFixed(1)}`

/** A smooth line through the points, leaving and arriving upright. */
function curve(points: Point[]): string {
  const [start, ...rest] = points
  let before = start!
  const pieces = rest.map((to) => {
    const middle = (before[1] + to[1]) / 2
    const piece = `C${point([before[0], middle])} ${point([to[0], middle])} ${point(to)}`
    before = to
    return piece
  })
  return `L${point(start!)} ${pieces.join(' ')}`
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
