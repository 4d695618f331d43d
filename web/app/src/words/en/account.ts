import type ko from '../ko/account'

const en: typeof ko = {
  title: 'Your account',
}

export default en
