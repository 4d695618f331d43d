import en from './en/orders'
import ko from './ko/orders'

export const orders = { ko, en }
