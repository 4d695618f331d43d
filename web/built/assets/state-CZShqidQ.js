import{C as e,J as t,L as n,S as r,St as i,U as a,Z as o,c as s,dt as c,et as l,ft as u,i as d,it as f,nt as p,r as m,rt as h,t as g,xt as _,z as v}from"./shop-MF11q8z5.js";import{i as y,n as b}from"./Field-BQauHQwx.js";import{t as x}from"./payment-CVW5NCFl.js";var S=i(_(),1),C=1e4;function w(){let e=g({requestPolicy:`cache-and-network`}),t=!l()&&e.shop?.gateways.some(({available:e})=>!e),n=(0,S.useEffectEvent)(e.reload);return(0,S.useEffect)(()=>{if(!t)return;let e=setInterval(()=>n(),C);return()=>clearInterval(e)},[t]),e}var T={ways:`_ways_1t5ov_1`,legend:`_legend_1t5ov_9`,gateway:`_gateway_1t5ov_20`,pg:`_pg_1t5ov_25`,notNow:`_notNow_1t5ov_30`,methods:`_methods_1t5ov_37`,method:`_method_1t5ov_37`,months:`_months_1t5ov_90`,none:`_none_1t5ov_94`},E=f(),D={CARD:v,VIRTUAL_ACCOUNT:n,TRANSFER:o,MOBILE_PHONE:t,MONEY:a},O=5e4,k=(e,t)=>e===`CARD`&&t>=O;function A({gateways:e,total:t,way:n,onChoose:r}){let i=p(x),a=p(h),o=(0,S.useId)();return e.some(({available:e})=>e)?(0,E.jsxs)(`fieldset`,{className:T.ways,children:[(0,E.jsx)(`legend`,{className:T.legend,children:i.how}),e.map(({pg:e,methods:t,available:s})=>(0,E.jsxs)(`div`,{className:T.gateway,children:[(0,E.jsxs)(`h3`,{className:T.pg,children:[a.pg[e],!s&&(0,E.jsx)(`span`,{className:T.notNow,children:i.notNow})]}),(0,E.jsx)(`div`,{className:T.methods,children:t.map(t=>{let i=D[t];return(0,E.jsxs)(`label`,{className:T.method,children:[(0,E.jsx)(`input`,{type:`radio`,name:o,disabled:!s,checked:n?.pg===e&&n.method===t,onChange:()=>r({pg:e,method:t,months:0})}),(0,E.jsx)(i,{}),(0,E.jsxs)(`span`,{children:[(0,E.jsxs)(`span`,{className:`unseen`,children:[a.pg[e],` `]}),a.method[t]]})]},t)})})]},e)),!n&&(0,E.jsx)(`p`,{role:`alert`,className:T.none,children:i.wayGone}),n?.method===`CARD`&&(0,E.jsx)(j,{total:t,months:n.months,onChoose:e=>r({...n,months:e})})]}):(0,E.jsx)(`p`,{className:T.none,children:i.noWay})}function j({total:e,months:t,onChoose:n}){let r=p(x),i=k(`CARD`,e);return(0,E.jsx)(`div`,{className:T.months,children:(0,E.jsxs)(b,{label:r.months,hint:i?void 0:r.monthsFrom,value:i?t:0,disabled:!i,onChange:e=>n(Number(e.currentTarget.value)),children:[(0,E.jsx)(`option`,{value:0,children:r.lump}),Array.from({length:11},(e,t)=>t+2).map(e=>(0,E.jsx)(`option`,{value:e,children:r.monthsOf(e)},e))]})})}function M(e,t){let n=e.filter(({available:e})=>e);if(t)return n.some(({pg:e,methods:n})=>e===t.pg&&n.includes(t.method))?t:void 0;let r=n.find(({methods:e})=>e.length>0);return r&&{pg:r.pg,method:r.methods[0],months:0}}var N=s(`
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
`),P=s(`
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
  `,[N]),F=s(`
    subscription PaymentUpdated($paymentId: ID!) {
      paymentUpdated(paymentId: $paymentId) {
        ...PanelPayment
      }
    }
  `,[N]),I=s(`
    subscription OrderUpdated($orderId: ID!) {
      orderUpdated(orderId: $orderId) {
        ...PanelOrder
      }
    }
  `,[P]),L=s(`
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
`),R=c(void 0);function z(e){let t=u(R);return t?.orderId===e?t.problem:void 0}var B=new Map,V=e=>B.get(e);function H(e,t){B.set(e,t)}function U(){let t=y();return async(n,{pg:i,method:a,months:o},s)=>{d.set(i),R.set(void 0);let c=[`ready`,n,i,a,o,s].join(`:`),l={orderId:n,pg:i,method:a,installmentMonths:o,device:G(),returnUrl:W(n)},{data:u,problem:f}=await t(L,{input:{...l,idempotencyKey:r(c,l)}});e(c,f);let p=u?.readyPayment?.checkoutUrl;p?m(i,p):(d.set(void 0),R.set({orderId:n,problem:f??{code:`INTERNAL`}}))}}function W(e){return`/orders/${e}/paid`}function G(){return/Android|iPhone|iPad|iPod/.test(navigator.userAgent)?`MOBILE`:`DESKTOP`}function K(e){let{payment:t}=e;if(!t)return q(e)??{kind:`unpaid`,payment:t};switch(t.status){case`APPROVING`:return{kind:`approving`,payment:t};case`UNKNOWN`:return{kind:`unknown`,payment:t};case`WAITING_FOR_DEPOSIT`:return q(e)??{kind:`deposit`,payment:t};case`APPROVED`:return{kind:`approved`,payment:t};case`CANCELING`:return{kind:`refunding`,payment:t};case`PARTIALLY_CANCELED`:case`CANCELED`:return t.refundedAmount===0?q(e)??{kind:`canceled`,payment:t}:{kind:Y(e,t)?`late`:`refunded`,payment:t};case`READY`:return q(e)??{kind:`unpaid`,payment:t};case`FAILED`:return q(e)??{kind:`failed`,payment:t};case`EXPIRED`:return q(e)??{kind:`expired`,payment:t}}}function q({status:e,payment:t}){if(e===`CANCELED`||e===`EXPIRED`)return t?.refunds.some(e=>e.status===`REQUESTED`||e.status===`UNKNOWN`)?{kind:`refunding`,payment:t}:t&&J(t)>0?{kind:`late`,payment:t}:e===`CANCELED`?{kind:`canceled`,payment:t}:{kind:`expired`,payment:t}}function J({refunds:e}){return e.reduce((e,{status:t,amount:n})=>t===`DONE`?e+n:e,0)}function Y({status:e,canceledAt:t},{approvedAt:n}){return e===`EXPIRED`||t!==null&&n!==null&&Date.parse(n)>Date.parse(t)}function X(e){return e.kind===`refunded`?e.payment.balance===0:e.kind===`late`||(e.kind===`canceled`||e.kind===`expired`)&&e.payment===null}export{V as a,I as c,A as d,M as f,H as i,P as l,J as n,U as o,w as p,K as r,z as s,X as t,F as u};