import{$ as e,C as t,H as n,K as r,L as i,S as a,Y as o,_t as s,c,ct as l,et as u,gt as d,i as f,r as p,st as m,tt as h,z as g}from"./shop-E2mp4V1X.js";import{n as _}from"./useAction-LnRWIzfW.js";import{n as v}from"./Field-TFmS-eR5.js";import{t as y}from"./payment-Cpb9Yq89.js";var b=s(d(),1),x={ways:`_ways_1t5ov_1`,legend:`_legend_1t5ov_9`,gateway:`_gateway_1t5ov_20`,pg:`_pg_1t5ov_25`,notNow:`_notNow_1t5ov_30`,methods:`_methods_1t5ov_37`,method:`_method_1t5ov_37`,months:`_months_1t5ov_90`,none:`_none_1t5ov_94`},S=h(),C={CARD:g,VIRTUAL_ACCOUNT:i,TRANSFER:o,MOBILE_PHONE:r,MONEY:n},w=5e4,T=(e,t)=>e===`CARD`&&t>=w;function E({gateways:t,total:n,way:r,onChoose:i}){let a=e(y),o=e(u),s=(0,b.useId)();return t.some(({available:e})=>e)?(0,S.jsxs)(`fieldset`,{className:x.ways,children:[(0,S.jsx)(`legend`,{className:x.legend,children:a.how}),t.map(({pg:e,methods:t,available:n})=>(0,S.jsxs)(`div`,{className:x.gateway,children:[(0,S.jsxs)(`h3`,{className:x.pg,children:[o.pg[e],!n&&(0,S.jsx)(`span`,{className:x.notNow,children:a.notNow})]}),(0,S.jsx)(`div`,{className:x.methods,children:t.map(t=>{let a=C[t];return(0,S.jsxs)(`label`,{className:x.method,children:[(0,S.jsx)(`input`,{type:`radio`,name:s,disabled:!n,checked:r?.pg===e&&r.method===t,onChange:()=>i({pg:e,method:t,months:0})}),(0,S.jsx)(a,{}),(0,S.jsxs)(`span`,{children:[(0,S.jsxs)(`span`,{className:`unseen`,children:[o.pg[e],` `]}),o.method[t]]})]},t)})})]},e)),r?.method===`CARD`&&(0,S.jsx)(D,{total:n,months:r.months,onChoose:e=>i({...r,months:e})})]}):(0,S.jsx)(`p`,{className:x.none,children:a.noWay})}function D({total:t,months:n,onChoose:r}){let i=e(y),a=T(`CARD`,t);return(0,S.jsx)(`div`,{className:x.months,children:(0,S.jsxs)(v,{label:i.months,hint:a?void 0:i.monthsFrom,value:a?n:0,disabled:!a,onChange:e=>r(Number(e.currentTarget.value)),children:[(0,S.jsx)(`option`,{value:0,children:i.lump}),Array.from({length:11},(e,t)=>t+2).map(e=>(0,S.jsx)(`option`,{value:e,children:i.monthsOf(e)},e))]})})}function O(e){let t=e.find(({available:e,methods:t})=>e&&t.length>0);return t&&{pg:t.pg,method:t.methods[0],months:0}}var k=c(`
  fragment PanelPayment on Payment {
    id
    status
    pg
    amount
    refundedAmount
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
    order {
      id
      status
      expiresAt
      canceledAt
      version
    }
  }
`),A=c(`
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
  `,[k]),j=c(`
    subscription PaymentUpdated($paymentId: ID!) {
      paymentUpdated(paymentId: $paymentId) {
        ...PanelPayment
      }
    }
  `,[k]),M=c(`
    subscription OrderUpdated($orderId: ID!) {
      orderUpdated(orderId: $orderId) {
        ...PanelOrder
      }
    }
  `,[A]),N=c(`
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
`),P=m(void 0);function F(e){let t=l(P);return t?.orderId===e?t.problem:void 0}var I=new Map,L=e=>I.get(e);function R(e,t){I.set(e,t)}function z(){let e=_();return async(n,{pg:r,method:i,months:o},s)=>{f.set(r),P.set(void 0);let c=[`ready`,n,r,i,o,s].join(`:`),l={orderId:n,pg:r,method:i,installmentMonths:o,device:V(),returnUrl:B(n)},{data:u,problem:d}=await e(N,{input:{...l,idempotencyKey:a(c,l)}});t(c,d);let m=u?.readyPayment?.checkoutUrl;m?p(r,m):(f.set(void 0),P.set({orderId:n,problem:d??{code:`INTERNAL`}}))}}function B(e){return`/orders/${e}/paid`}function V(){return/Android|iPhone|iPad|iPod/.test(navigator.userAgent)?`MOBILE`:`DESKTOP`}function H(e){let{payment:t}=e;if(!t)return U(e)??{kind:`unpaid`,payment:t};switch(t.status){case`APPROVING`:return{kind:`approving`,payment:t};case`UNKNOWN`:return{kind:`unknown`,payment:t};case`WAITING_FOR_DEPOSIT`:return U(e)??{kind:`deposit`,payment:t};case`APPROVED`:return{kind:`approved`,payment:t};case`CANCELING`:return{kind:`refunding`,payment:t};case`PARTIALLY_CANCELED`:case`CANCELED`:return t.refundedAmount===0?U(e)??{kind:`canceled`,payment:t}:{kind:W(e,t)?`late`:`refunded`,payment:t};case`READY`:return U(e)??{kind:`unpaid`,payment:t};case`FAILED`:return U(e)??{kind:`failed`,payment:t};case`EXPIRED`:return U(e)??{kind:`expired`,payment:t}}}function U({status:e,payment:t}){return e===`CANCELED`?{kind:`canceled`,payment:t}:e===`EXPIRED`?{kind:`expired`,payment:t}:void 0}function W({status:e,canceledAt:t},{approvedAt:n}){return e===`EXPIRED`||t!==null&&n!==null&&Date.parse(n)>Date.parse(t)}function G(e){return[`canceled`,`expired`,`refunded`,`late`].includes(e.kind)}export{z as a,A as c,O as d,L as i,j as l,H as n,F as o,R as r,M as s,G as t,E as u};