import{B as e,C as t,Q as n,R as r,St as i,W as a,Y as o,at as s,ft as c,i as l,it as u,l as d,pt as f,r as p,rt as m,t as h,tt as g,w as _,xt as v}from"./shop-DWJZ89OO.js";import{i as y,n as b}from"./Field-bFfWJlEb.js";import{t as x}from"./payment-DR0yPjx3.js";var S=i(v(),1),C=1e4;function w(){let e=h({requestPolicy:`cache-and-network`}),t=!g()&&e.shop?.gateways.some(({available:e})=>!e),n=(0,S.useEffectEvent)(e.reload);return(0,S.useEffect)(()=>{if(!t)return;let e=setInterval(()=>n(),C);return()=>clearInterval(e)},[t]),e}var T={ways:`_ways_1t5ov_1`,legend:`_legend_1t5ov_9`,gateway:`_gateway_1t5ov_20`,pg:`_pg_1t5ov_25`,notNow:`_notNow_1t5ov_30`,methods:`_methods_1t5ov_37`,method:`_method_1t5ov_37`,months:`_months_1t5ov_90`,none:`_none_1t5ov_94`},E=s(),D={CARD:e,VIRTUAL_ACCOUNT:r,TRANSFER:n,MOBILE_PHONE:o,MONEY:a},O=5e4,k=(e,t)=>e===`CARD`&&t>=O;function A({gateways:e,total:t,way:n,onChoose:r}){let i=m(x),a=m(u),o=(0,S.useId)();return e.some(({available:e})=>e)?(0,E.jsxs)(`fieldset`,{className:T.ways,children:[(0,E.jsx)(`legend`,{className:T.legend,children:i.how}),e.map(({pg:e,methods:t,available:s})=>(0,E.jsxs)(`div`,{className:T.gateway,children:[(0,E.jsxs)(`h3`,{className:T.pg,children:[a.pg[e],!s&&(0,E.jsx)(`span`,{className:T.notNow,children:i.notNow})]}),(0,E.jsx)(`div`,{className:T.methods,children:t.map(t=>{let i=D[t];return(0,E.jsxs)(`label`,{className:T.method,children:[(0,E.jsx)(`input`,{type:`radio`,name:o,disabled:!s,checked:n?.pg===e&&n.method===t,onChange:()=>r({pg:e,method:t,months:0})}),(0,E.jsx)(i,{}),(0,E.jsxs)(`span`,{children:[(0,E.jsxs)(`span`,{className:`unseen`,children:[a.pg[e],` `]}),a.method[t]]})]},t)})})]},e)),!n&&(0,E.jsx)(`p`,{role:`alert`,className:T.none,children:i.wayGone}),n?.method===`CARD`&&(0,E.jsx)(j,{total:t,months:n.months,onChoose:e=>r({...n,months:e})})]}):(0,E.jsx)(`p`,{className:T.none,children:i.noWay})}function j({total:e,months:t,onChoose:n}){let r=m(x),i=k(`CARD`,e);return(0,E.jsx)(`div`,{className:T.months,children:(0,E.jsxs)(b,{label:r.months,hint:i?void 0:r.monthsFrom,value:i?t:0,disabled:!i,onChange:e=>n(Number(e.currentTarget.value)),children:[(0,E.jsx)(`option`,{value:0,children:r.lump}),Array.from({length:11},(e,t)=>t+2).map(e=>(0,E.jsx)(`option`,{value:e,children:r.monthsOf(e)},e))]})})}function M(e,t){let n=m(x),r=N(e,t);return r?{way:r,missing:void 0}:{way:r,missing:t?n.wayGone:n.noWay}}function N(e,t){let n=e.filter(({available:e})=>e);if(t)return n.some(({pg:e,methods:n})=>e===t.pg&&n.includes(t.method))?t:void 0;let r=n.find(({methods:e})=>e.length>0);return r&&{pg:r.pg,method:r.methods[0],months:0}}var P=d(`
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
`),F=d(`
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
  `,[P]),I=d(`
    subscription PaymentUpdated($paymentId: ID!) {
      paymentUpdated(paymentId: $paymentId) {
        ...PanelPayment
      }
    }
  `,[P]),L=d(`
    subscription OrderUpdated($orderId: ID!) {
      orderUpdated(orderId: $orderId) {
        ...PanelOrder
      }
    }
  `,[F]),R=d(`
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
`),z=c(void 0);function B(e){let t=f(z);return t?.orderId===e?t.problem:void 0}var V=new Map,H=e=>V.get(e);function U(e,t){V.set(e,t)}function W(){let e=y();return async(n,{pg:r,method:i,months:a},o)=>{l.set(r),z.set(void 0);let s=[`ready`,n,r,i,a,o].join(`:`),c={orderId:n,pg:r,method:i,installmentMonths:a,device:K(),returnUrl:G(n)},{data:u,problem:d}=await e(R,{input:{...c,idempotencyKey:t(s,c)}});_(s,d);let f=u?.readyPayment?.checkoutUrl;f?p(r,f):(l.set(void 0),z.set({orderId:n,problem:d??{code:`INTERNAL`}}))}}function G(e){return`/orders/${e}/paid`}function K(){return/Android|iPhone|iPad|iPod/.test(navigator.userAgent)?`MOBILE`:`DESKTOP`}function q(e){let{payment:t}=e;if(!t)return J(e)??{kind:`unpaid`,payment:t};switch(t.status){case`APPROVING`:return{kind:`approving`,payment:t};case`UNKNOWN`:return{kind:`unknown`,payment:t};case`WAITING_FOR_DEPOSIT`:return J(e)??{kind:`deposit`,payment:t};case`APPROVED`:return{kind:`approved`,payment:t};case`CANCELING`:return{kind:`refunding`,payment:t};case`PARTIALLY_CANCELED`:case`CANCELED`:return t.refundedAmount===0?J(e)??{kind:`canceled`,payment:t}:{kind:X(e,t)?`late`:`refunded`,payment:t};case`READY`:return J(e)??{kind:`unpaid`,payment:t};case`FAILED`:return J(e)??{kind:`failed`,payment:t};case`EXPIRED`:return J(e)??{kind:`expired`,payment:t}}}function J({status:e,payment:t}){if(e===`CANCELED`||e===`EXPIRED`)return t?.refunds.some(e=>e.status===`REQUESTED`||e.status===`UNKNOWN`)?{kind:`refunding`,payment:t}:t&&Y(t)>0?{kind:`late`,payment:t}:e===`CANCELED`?{kind:`canceled`,payment:t}:{kind:`expired`,payment:t}}function Y({refunds:e}){return e.reduce((e,{status:t,amount:n})=>t===`DONE`?e+n:e,0)}function X({status:e,canceledAt:t},{approvedAt:n}){return e===`EXPIRED`||t!==null&&n!==null&&Date.parse(n)>Date.parse(t)}function Z(e){return e.kind===`refunded`?e.payment.balance===0:e.kind===`late`||(e.kind===`canceled`||e.kind===`expired`)&&e.payment===null}export{H as a,L as c,A as d,M as f,U as i,F as l,Y as n,W as o,w as p,q as r,B as s,Z as t,I as u};