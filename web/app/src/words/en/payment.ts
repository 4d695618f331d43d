import type ko from '../ko/payment'

const en: typeof ko = {
  title: 'Payment',
}

export default en
