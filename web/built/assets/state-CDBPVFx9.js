import{C as e,J as t,L as n,S as r,U as i,Z as a,bt as o,c as s,dt as c,i as l,nt as u,r as d,rt as f,tt as p,ut as m,xt as h,z as g}from"./shop-CEjETmDf.js";import{i as _,n as v}from"./Field-B2YIhE5h.js";import{t as y}from"./payment-DBKiAWyD.js";var b=h(o(),1),x={ways:`_ways_1t5ov_1`,legend:`_legend_1t5ov_9`,gateway:`_gateway_1t5ov_20`,pg:`_pg_1t5ov_25`,notNow:`_notNow_1t5ov_30`,methods:`_methods_1t5ov_37`,method:`_method_1t5ov_37`,months:`_months_1t5ov_90`,none:`_none_1t5ov_94`},S=f(),C={CARD:g,VIRTUAL_ACCOUNT:n,TRANSFER:a,MOBILE_PHONE:t,MONEY:i},w=5e4,T=(e,t)=>e===`CARD`&&t>=w;function E({gateways:e,total:t,way:n,onChoose:r}){let i=p(y),a=p(u),o=(0,b.useId)();return e.some(({available:e})=>e)?(0,S.jsxs)(`fieldset`,{className:x.ways,children:[(0,S.jsx)(`legend`,{className:x.legend,children:i.how}),e.map(({pg:e,methods:t,available:s})=>(0,S.jsxs)(`div`,{className:x.gateway,children:[(0,S.jsxs)(`h3`,{className:x.pg,children:[a.pg[e],!s&&(0,S.jsx)(`span`,{className:x.notNow,children:i.notNow})]}),(0,S.jsx)(`div`,{className:x.methods,children:t.map(t=>{let i=C[t];return(0,S.jsxs)(`label`,{className:x.method,children:[(0,S.jsx)(`input`,{type:`radio`,name:o,disabled:!s,checked:n?.pg===e&&n.method===t,onChange:()=>r({pg:e,method:t,months:0})}),(0,S.jsx)(i,{}),(0,S.jsxs)(`span`,{children:[(0,S.jsxs)(`span`,{className:`unseen`,children:[a.pg[e],` `]}),a.method[t]]})]},t)})})]},e)),n?.method===`CARD`&&(0,S.jsx)(D,{total:t,months:n.months,onChoose:e=>r({...n,months:e})})]}):(0,S.jsx)(`p`,{className:x.none,children:i.noWay})}function D({total:e,months:t,onChoose:n}){let r=p(y),i=T(`CARD`,e);return(0,S.jsx)(`div`,{className:x.months,children:(0,S.jsxs)(v,{label:r.months,hint:i?void 0:r.monthsFrom,value:i?t:0,disabled:!i,onChange:e=>n(Number(e.currentTarget.value)),children:[(0,S.jsx)(`option`,{value:0,children:r.lump}),Array.from({length:11},(e,t)=>t+2).map(e=>(0,S.jsx)(`option`,{value:e,children:r.monthsOf(e)},e))]})})}function O(e){let t=e.find(({available:e,methods:t})=>e&&t.length>0);return t&&{pg:t.pg,method:t.methods[0],months:0}}var k=s(`
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
`),A=s(`
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
  `,[k]),j=s(`
    subscription PaymentUpdated($paymentId: ID!) {
      paymentUpdated(paymentId: $paymentId) {
        ...PanelPayment
      }
    }
  `,[k]),M=s(`
    subscription OrderUpdated($orderId: ID!) {
      orderUpdated(orderId: $orderId) {
        ...PanelOrder
      }
    }
  `,[A]),N=s(`
  mutation ReadyPayment($input: ReadyPaymentInput!) {
    readyPayment(input: $input) {
      checkoutUrl
      payment {
        id
        status
        version
        attempts {
          id
        }
        order {
          id
          payment {
            id
          }
        }
      }
    }
  }
`),P=m(void 0);function F(e){let t=c(P);return t?.orderId===e?t.problem:void 0}var I=new Map,L=e=>I.get(e);function R(e,t){I.set(e,t)}function z(){let t=_();return async(n,{pg:i,method:a,months:o},s)=>{l.set(i),P.set(void 0);let c=[`ready`,n,i,a,o,s].join(`:`),u={orderId:n,pg:i,method:a,installmentMonths:o,device:V(),returnUrl:B(n)},{data:f,problem:p}=await t(N,{input:{...u,idempotencyKey:r(c,u)}});e(c,p);let m=f?.readyPayment?.checkoutUrl;m?d(i,m):(l.set(void 0),P.set({orderId:n,problem:p??{code:`INTERNAL`}}))}}function B(e){return`/orders/${e}/paid`}function V(){return/Android|iPhone|iPad|iPod/.test(navigator.userAgent)?`MOBILE`:`DESKTOP`}function H(e){let{payment:t}=e;if(!t)return U(e)??{kind:`unpaid`,payment:t};switch(t.status){case`APPROVING`:return{kind:`approving`,payment:t};case`UNKNOWN`:return{kind:`unknown`,payment:t};case`WAITING_FOR_DEPOSIT`:return U(e)??{kind:`deposit`,payment:t};case`APPROVED`:return{kind:`approved`,payment:t};case`CANCELING`:return{kind:`refunding`,payment:t};case`PARTIALLY_CANCELED`:case`CANCELED`:return t.refundedAmount===0?U(e)??{kind:`canceled`,payment:t}:{kind:G(e,t)?`late`:`refunded`,payment:t};case`READY`:return U(e)??{kind:`unpaid`,payment:t};case`FAILED`:return U(e)??{kind:`failed`,payment:t};case`EXPIRED`:return U(e)??{kind:`expired`,payment:t}}}function U({status:e,payment:t}){if(e===`CANCELED`||e===`EXPIRED`)return t?.refunds.some(e=>e.status===`REQUESTED`||e.status===`UNKNOWN`)?{kind:`refunding`,payment:t}:t&&W(t)>0?{kind:`late`,payment:t}:e===`CANCELED`?{kind:`canceled`,payment:t}:{kind:`expired`,payment:t}}function W({refunds:e}){return e.reduce((e,{status:t,amount:n})=>t===`DONE`?e+n:e,0)}function G({status:e,canceledAt:t},{approvedAt:n}){return e===`EXPIRED`||t!==null&&n!==null&&Date.parse(n)>Date.parse(t)}function K(e){return e.kind===`refunded`?e.payment.balance===0:e.kind===`late`||(e.kind===`canceled`||e.kind===`expired`)&&e.payment===null}export{L as a,M as c,E as d,O as f,R as i,A as l,W as n,z as o,H as r,F as s,K as t,j as u};