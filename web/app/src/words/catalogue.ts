import en from './en/catalogue'
import ko from './ko/catalogue'

export const catalogue = { ko, en }
