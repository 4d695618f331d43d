import type ko from '../ko/cart'

const en: typeof ko = {
  title: 'Cart',
}

export default en
