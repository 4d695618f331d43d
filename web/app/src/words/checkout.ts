import en from './en/checkout'
import ko from './ko/checkout'

export const checkout = { ko, en }
