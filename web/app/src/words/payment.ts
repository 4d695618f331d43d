import en from './en/payment'
import ko from './ko/payment'

export const payment = { ko, en }
