import type ko from '../ko/checkout'

const en: typeof ko = {
  title: 'Checkout',
}

export default en
