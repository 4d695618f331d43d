import { graphql, type FragmentOf } from '../../api/graphql'

export const OrderFields = graphql(`
  fragment OrderFields on Order {
    id
    number
    status
    total
    taxFreeTotal
    placedAt
    expiresAt
    version
    lines {
      productId
      name
      unitPrice
      quantity
      amount
      taxFree
    }
    history {
      version
      kind
      note
      at
    }
  }
`)

export const OrderPaymentFields = graphql(`
  fragment OrderPaymentFields on Payment {
    id
    status
    pg
    amount
    taxFreeAmount
    vat
    refundedAmount
    balance
    installmentMonths
    method
    paymentKey
    receiptUrl
    refundNeedsAccount
    refundBlock
    approvedAt
    version
    refunds {
      id
      amount
      status
      reason
      requestedAt
      doneAt
    }
    history {
      version
      kind
      note
      at
    }
  }
`)

export type OrderFacts = FragmentOf<typeof OrderFields>
export type PaymentFacts = FragmentOf<typeof OrderPaymentFields>
export type Order = OrderFacts & { payment: PaymentFacts | null }
