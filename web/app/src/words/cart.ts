import en from './en/cart'
import ko from './ko/cart'

export const cart = { ko, en }
