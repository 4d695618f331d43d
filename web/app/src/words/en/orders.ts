import type ko from '../ko/orders'

const en: typeof ko = {
  title: 'Your orders',
}

export default en
