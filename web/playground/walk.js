'use strict';
// The tabs of the playground: one step of the shopping walk each, in order.
window.walk = (function () {
  const product = 'id name price stock';
  // No line is longer than 51 characters: in a laptop's window the buttons cover the rest.
  const payment = (indent) => [
    'id status pg amount taxFreeAmount vat',
    'refundedAmount balance checkoutUrl version',
    'attempts {',
    '  id pg status',
    '  failure { code message }',
    '}',
    'refunds { id amount status reason }',
  ].join('\n' + ' '.repeat(indent));
  const tab = (query, variables) => ({
    query: query.trim() + '\n',
    variables: variables ? JSON.stringify(variables, null, 2) : '',
    headers: '',
  });
  const ready = (name, pg, more) => tab(`
# Opens a payment. Follow checkoutUrl in another
# window and pay there: the gateway sends your
# browser back, and that approves the payment. Run
# PaymentUpdated first to see it happen.
mutation ${name}($input: ReadyPaymentInput!) {
  readyPayment(input: $input) {
    checkoutUrl
    payment {
      ${payment(6)}
    }
  }
}`, { input: { idempotencyKey: '{{uuid}}', orderId: '{{order}}', pg, installmentMonths: 0, ...more } });
  const placeOrder = (name) => tab(`
# Holds stock for two lines until expiresAt.
# {{product}} and {{product2}} are the last two
# products that the playground saw.
mutation ${name}(
  $input: PlaceOrderInput!
) {
  placeOrder(input: $input) {
    order {
      id number status total taxFreeTotal
      expiresAt version
      lines {
        productId name taxFree
        unitPrice quantity amount
        product { stock }
      }
    }
  }
}`, { input: { idempotencyKey: '{{uuid}}', lines: [{ productId: '{{product}}', quantity: 2 }, { productId: '{{product2}}', quantity: 1 }] } });
  const cancel = (name, amount) => tab(`
# Without amount it refunds all that is left. Who
# sends expectedBalance is refused with CONFLICT
# when that is not what is left.
mutation ${name}($input: CancelPaymentInput!) {
  cancelPayment(input: $input) {
    refund { id amount status transactionKey }
    payment {
      ${payment(6)}
    }
  }
}`, { input: { idempotencyKey: '{{uuid}}', paymentId: '{{payment}}', ...(amount ? { amount } : {}), reason: 'changed my mind' } });

  return [
    tab(`
# Welcome. Run the tabs from left to right (their
# row scrolls): they are one shopping walk. Words
# like {{order}} in their variables are filled in
# from earlier answers, and {{uuid}} is new each
# time you press run.
query Welcome {
  shop {
    name
    gateways { pg methods available }
  }
  viewer { email role }
  products(first: 3) {
    nodes { ${product} }
  }
}`),
    tab(`
# In development the code is at /dev/mailbox/.
# Or skip to SignIn: two accounts are there.
mutation RequestCode(
  $input: RequestEmailVerificationInput!
) {
  requestEmailVerification(input: $input) {
    verificationId expiresAt
  }
}`, { input: { email: 'you@example.com' } }),
    tab(`
# Write the six digits from the mail into code.
mutation ConfirmCode(
  $input: ConfirmEmailVerificationInput!
) {
  confirmEmailVerification(input: $input) {
    verificationId
  }
}`, { input: { verificationId: '{{verification}}', code: '000000' } }),
    tab(`
mutation SignUp($input: SignUpInput!) {
  signUp(input: $input) { user { id email role } }
}`, { input: { verificationId: '{{verification}}', password: 'correct horse battery staple' } }),
    tab(`
# The session is a cookie that scripts cannot read.
mutation SignIn($input: SignInInput!) {
  signIn(input: $input) { user { id email role } }
}`, { input: { email: 'shopper@example.com', password: 'correct horse battery staple' } }),
    tab(`
# Whoever forgot the password is mailed a code.
mutation RequestPasswordReset(
  $input: RequestPasswordResetInput!
) {
  requestPasswordReset(input: $input) {
    verificationId expiresAt
  }
}`, { input: { email: 'you@example.com' } }),
    tab(`
# It ends every session of the account: sign in
# again.
mutation ResetPassword(
  $input: ResetPasswordInput!
) {
  resetPassword(input: $input) { user { email } }
}`, { input: { verificationId: '{{verification}}', code: '000000', password: 'correct horse battery staple' } }),
    tab(`
# It ends all sessions but this one.
mutation ChangePassword(
  $input: ChangePasswordInput!
) {
  changePassword(input: $input) { user { email } }
}`, { input: { current: 'correct horse battery staple', password: 'correct horse battery staple' } }),
    tab(`
query Products(
  $after: String
  $search: String
  $filter: ProductFilter
) {
  products(
    first: 10
    after: $after
    search: $search
    filter: $filter
    orderBy: NEWEST
  ) {
    nodes { ${product} taxFree category imageUrl }
    pageInfo { hasNextPage endCursor }
  }
}`, { after: null, search: null, filter: { category: null } }),
    placeOrder('PlaceOrder'),
    ready('PayKakao', 'KAKAO'),
    tab(`
# Run this before you pay: it shows the payment as
# it is, then every change.
subscription PaymentUpdated($id: ID!) {
  paymentUpdated(paymentId: $id) {
    id status version balance updatedAt
  }
}`, { id: '{{payment}}' }),
    tab(`
query Payment($id: ID!) {
  payment(id: $id) {
    ${payment(4)}
    order {
      id number status total paidAt
      history { version kind actor note at }
    }
    method receiptUrl
    refundBlock refundNeedsAccount
    virtualAccount {
      bankName accountNumber dueAt depositedAt
    }
    history { version kind status actor note at }
    gatewayRecord {
      __typename
      ... on KakaoRecord {
        tid status paymentMethodType
        actions { aid kind amount approvedAt }
      }
      ... on TossRecord {
        paymentKey status method
        totalAmount balanceAmount
        cancels { transactionKey cancelAmount }
      }
    }
  }
}`, { id: '{{payment}}' }),
    cancel('RefundPart', 1000),
    cancel('RefundRest'),
    placeOrder('PlaceAnotherOrder'),
    ready('PayToss', 'TOSS', { method: 'CARD' }),
    tab(`
query MyOrders {
  viewer {
    email role
    orders(first: 10) {
      nodes {
        id number status total placedAt
        payment { id status pg balance }
      }
    }
  }
}`),
    tab(`
# The rest is for operators.
mutation SignInOperator($input: SignInInput!) {
  signIn(input: $input) { user { id email role } }
}`, { input: { email: 'operator@example.com', password: 'correct horse battery staple' } }),
    tab(`
# The playground sends the text as a file. Other
# clients use the GraphQL multipart request
# specification and the header
# GraphQL-Preflight: 1.
mutation ImportSettlement(
  $input: ImportSettlementInput!
) {
  importSettlement(input: $input) {
    reconciliation {
      id status rejection rows matched planHash
      counts { kind count amount }
      discrepancies(first: 20) {
        nodes {
          kind status action amount
          line raw expected actual
        }
      }
    }
  }
}`, {
      input: {
        pg: 'KAKAO',
        format: 'PAYMENT_STATE_CSV',
        autoApply: false,
        file: {
          name: 'settlement.csv',
          text: 'orderId,paymentKey,totalAmount,paymentState,taxFreeAmount,installMonth\natt_00000000000000000000000000,T0000000000000000000,10000,1,0,0\n',
        },
      },
    }),
    tab(`
# What is behind, unclear or open. On a shell,
# payment-system verify --gateway checks it all.
query Verify {
  projections {
    view pending lagMs lastAppliedAt
    republishing percent
  }
  unknown: payments(
    first: 10
    filter: {
      status: [UNKNOWN, APPROVING, CANCELING]
    }
  ) {
    nodes { id status pg amount updatedAt }
  }
  open: discrepancies(
    first: 10
    filter: { status: [OPEN, PLANNED] }
  ) {
    nodes {
      id kind status action amount note createdAt
    }
  }
  reconciliations(first: 5) {
    nodes {
      id pg source status matched
      counts { kind count amount }
    }
  }
}`),
  ];
})();
