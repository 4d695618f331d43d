import en from './en/common'
import ko from './ko/common'

export const common = { ko, en }
