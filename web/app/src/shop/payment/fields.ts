import { graphql, type FragmentOf } from '../../api/graphql'

/** What PaymentPanel shows of a payment. */
export const PanelPayment = graphql(`
  fragment PanelPayment on Payment {
    id
    status
    pg
    method
    amount
    refundedAmount
    refundNeedsAccount
    refunds {
      id
      amount
      status
      reason
      requestedAt
      doneAt
    }
    balance
    checkoutUrl
    approvedAt
    updatedAt
    version
    failure {
      code
      message
    }
    attempts {
      id
    }
    virtualAccount {
      bankName
      accountNumber
      holderName
      dueAt
    }
    order {
      id
      status
      expiresAt
      canceledAt
      version
    }
  }
`)

/** What PaymentPanel shows of an order; for the queries of the screens that hold it. */
export const PanelOrder = graphql(
  `
    fragment PanelOrder on Order {
      id
      number
      status
      total
      expiresAt
      canceledAt
      version
      lines {
        productId
        quantity
        unitPrice
      }
      payment {
        ...PanelPayment
      }
    }
  `,
  [PanelPayment],
)

export const PaymentUpdated = graphql(
  `
    subscription PaymentUpdated($paymentId: ID!) {
      paymentUpdated(paymentId: $paymentId) {
        ...PanelPayment
      }
    }
  `,
  [PanelPayment],
)

export const OrderUpdated = graphql(
  `
    subscription OrderUpdated($orderId: ID!) {
      orderUpdated(orderId: $orderId) {
        ...PanelOrder
      }
    }
  `,
  [PanelOrder],
)

export type OrderOfPanel = FragmentOf<typeof PanelOrder>
export type PaymentOfPanel = FragmentOf<typeof PanelPayment>
