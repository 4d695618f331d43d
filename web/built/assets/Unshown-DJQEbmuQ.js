import{M as e,N as t,P as n,at as r,et as i,k as a,l as o,rt as s}from"./shop-DWJZ89OO.js";import{t as c}from"./orders-CmfWv0PV.js";var l=o(`
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
`),u=o(`
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
`),d=r();function f({title:n,answer:r,problem:i,reload:o}){let s=i?.code??`NOT_FOUND`;if(r?.viewer&&r.order===null&&s===`NOT_FOUND`)return(0,d.jsx)(p,{email:r.viewer.email});let c=r?.viewer===null?{code:`UNAUTHENTICATED`}:i;return(0,d.jsx)(a,{title:n,narrow:!0,ready:!1,children:c?(0,d.jsx)(t,{problem:c,onRetry:o}):(0,d.jsx)(e,{})})}function p({email:e}){let t=s(c);return(0,d.jsx)(a,{title:t.missing,unseenTitle:!0,children:(0,d.jsx)(n,{title:t.missing,text:`${t.missingText} ${t.signedInAs(e)}`,children:(0,d.jsx)(i,{href:`/orders`,kind:`main`,children:t.mine})})})}export{l as n,u as r,f as t};