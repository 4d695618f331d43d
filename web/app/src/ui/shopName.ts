import { newStore, useStore } from '../api/store'

/** What the shop is called, once the server has said; empty until then. */
export const shopName = newStore('')

export const useShopName = () => useStore(shopName)
