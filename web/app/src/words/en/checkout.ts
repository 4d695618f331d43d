import type ko from '../ko/checkout'

const en: typeof ko = {
  title: 'Checkout',
  lines: 'Your order',
  pieces: (count) => `× ${count}`,
  edit: 'Change it in the cart',
  total: 'To pay',
  taxFree: 'Tax-free part',
  agree: 'I have checked the order and agree to pay.',
  agreeFirst: 'Please check the order and agree.',
  order: (amount) => `Pay ${amount}`,
  ordering: 'Ordering…',
  signInToOrder: 'Sign in to pay. What you chose stays here.',
  signIn: (amount) => `Sign in and pay ${amount}`,
  hold: (minutes) => `Once ordered, we keep the goods for you for ${minutes} minutes.`,
  soldOut: 'There is not enough left, so nothing was ordered.',
  soldOutLine: (name, requested, available) =>
    available > 0 ? `${name}: you chose ${requested}, and ${available} are left.` : `${name}: sold out.`,
  adjust: 'Take what is left',
  adjusted: 'Done. Please check the amount and press again.',
  left: 'What could not be ordered is still in your cart.',
  unlisted: 'Something is no longer sold, so nothing was ordered. Please check what is left and the amount, and press again.',
}

export default en
