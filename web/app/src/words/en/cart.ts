import type ko from '../ko/cart'

const en: typeof ko = {
  title: 'Cart',
  empty: 'Your cart is empty',
  emptyText: 'Put something in that you like.',
  browse: 'Look around',
  unitPrice: 'Each',
  was: (price) => `${price} when you added it`,
  dearer: 'The price has gone up since you added it.',
  cheaper: 'The price has come down since you added it.',
  reduced: (from, to) => `Only ${to} left, so we changed ${from} to ${to}.`,
  soldOut: 'Sold out, so it is not part of this order.',
  gone: 'No longer sold, so it cannot be ordered.',
  goneName: 'No longer sold',
  remove: 'Remove',
  removeNamed: (name) => `Remove ${name}`,
  removed: 'Removed from the cart.',
  quantityOf: (name) => `Quantity of ${name}`,
  total: 'Order total',
  taxFree: 'Tax-free part',
  order: (amount) => `Order for ${amount}`,
  nothingLeft: 'Nothing here can be ordered right now.',
  summary: 'Summary',
}

export default en
