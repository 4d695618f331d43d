import{$ as e,C as t,D as n,E as r,M as i,N as a,O as o,P as s,Q as c,S as l,St as u,T as d,W as f,c as p,f as m,gt as h,it as g,j as _,mt as v,nt as y,o as b,pt as x,rt as S,tt as ee,w as C,xt as w,yt as T}from"./shop-MF11q8z5.js";import{n as E,r as te,t as D}from"./orders-DFX5ZJ6Y.js";import{n as O,t as k}from"./PaymentPanel-PhN1HapP.js";import{t as A}from"./When-Bc6McQWm.js";import{l as j,r as ne}from"./state-CZShqidQ.js";import{i as re,n as ie,r as M,t as N}from"./Field-BQauHQwx.js";import{t as ae}from"./Dialog-BROF-Xwq.js";import{n as oe,r as se,t as P}from"./useFaults-Bk72ST_d.js";var F=u(w(),1),I={placed:`_placed_g1g3n_1`,section:`_section_g1g3n_14`,head:`_head_g1g3n_21`,pairs:`_pairs_g1g3n_29`,sum:`_sum_g1g3n_50`,lines:`_lines_g1g3n_65`,amount:`_amount_g1g3n_86`,soft:`_soft_g1g3n_91`,actions:`_actions_g1g3n_97`,outcome:`_outcome_g1g3n_103`,timeline:`_timeline_g1g3n_121`,buttons:`_buttons_g1g3n_155`,account:`_account_g1g3n_169`},L=g(),R=p(`
  query OrderAgain($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
      ... on Product {
        price
        stock
      }
    }
  }
`);function z({order:e}){let t=y(D),{full:r}=y(n),i=v(),[a,o]=(0,F.useState)(),[l,u]=(0,F.useState)(),[d,f]=M(async()=>{o(void 0),u(void 0);let t=e.lines.map(e=>e.productId),{data:n,error:r}=await i.query(R,{ids:t},{requestPolicy:`network-only`}).toPromise();n?u(B(e,n.nodes)):o(x(r)??{code:`INTERNAL`})});return(0,L.jsxs)(L.Fragment,{children:[(0,L.jsx)(c,{busy:f,onClick:d,children:t.again}),(0,L.jsx)(`div`,{role:`status`,className:I.outcome,children:l&&(0,L.jsxs)(L.Fragment,{children:[l.added>0&&(0,L.jsxs)(`p`,{children:[t.inCart(l.added),` `,(0,L.jsx)(h,{href:`/cart`,children:t.seeCart})]}),l.soldOut.length>0&&(0,L.jsx)(`p`,{children:t.soldOut(l.soldOut.join(`, `))}),l.gone.length>0&&(0,L.jsx)(`p`,{children:t.gone(l.gone.join(`, `))}),l.full&&(0,L.jsx)(`p`,{children:r})]})}),(0,L.jsx)(s,{problem:a})]})}function B(e,t){let n=new Map(t.filter(e=>e!==null).map(e=>[e.id,e])),r={added:0,gone:[],soldOut:[],full:!1};for(let{productId:t,name:i,quantity:a}of e.lines){let{price:e,stock:o=0}=n.get(t)??{};e===void 0?r.gone.push(i):o===0?r.soldOut.push(i):m(t,e,Math.min(a,o))?r.added++:r.full=!0}return r}var V=p(`
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
`),H=p(`
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
`),U=[{code:`06`,name:{ko:`KB국민은행`,en:`KB Kookmin Bank`}},{code:`88`,name:{ko:`신한은행`,en:`Shinhan Bank`}},{code:`20`,name:{ko:`우리은행`,en:`Woori Bank`}},{code:`81`,name:{ko:`하나은행`,en:`Hana Bank`}},{code:`11`,name:{ko:`NH농협은행`,en:`NH NongHyup Bank`}},{code:`03`,name:{ko:`IBK기업은행`,en:`Industrial Bank of Korea`}},{code:`90`,name:{ko:`카카오뱅크`,en:`KakaoBank`}},{code:`92`,name:{ko:`토스뱅크`,en:`Toss Bank`}},{code:`89`,name:{ko:`케이뱅크`,en:`K bank`}},{code:`23`,name:{ko:`SC제일은행`,en:`Standard Chartered Bank Korea`}},{code:`27`,name:{ko:`씨티은행`,en:`Citibank Korea`}},{code:`39`,name:{ko:`경남은행`,en:`Kyongnam Bank`}},{code:`34`,name:{ko:`광주은행`,en:`Kwangju Bank`}},{code:`31`,name:{ko:`iM뱅크 (대구)`,en:`iM Bank (Daegu)`}},{code:`32`,name:{ko:`부산은행`,en:`Busan Bank`}},{code:`37`,name:{ko:`전북은행`,en:`Jeonbuk Bank`}},{code:`35`,name:{ko:`제주은행`,en:`Jeju Bank`}},{code:`02`,name:{ko:`KDB산업은행`,en:`Korea Development Bank`}},{code:`07`,name:{ko:`Sh수협은행`,en:`Suhyup Bank`}},{code:`12`,name:{ko:`지역농축협`,en:`Local NongHyup`}},{code:`45`,name:{ko:`새마을금고`,en:`Korean Federation of Community Credit Cooperatives`}},{code:`48`,name:{ko:`신협`,en:`National Credit Union Federation`}},{code:`64`,name:{ko:`산림조합`,en:`National Forestry Cooperative`}},{code:`71`,name:{ko:`우체국`,en:`Korea Post`}},{code:`50`,name:{ko:`저축은행`,en:`Savings banks`}},{code:`54`,name:{ko:`HSBC`,en:`HSBC Korea`}}];function W({faults:e}){let t=y(D).cancel,n=ee();return(0,L.jsxs)(`fieldset`,{className:I.account,children:[(0,L.jsx)(`legend`,{children:t.account}),(0,L.jsxs)(ie,{label:t.bank,name:`bankCode`,required:!0,defaultValue:``,error:e.bankCode,children:[(0,L.jsx)(`option`,{value:``,disabled:!0,children:t.choose}),U.map(({code:e,name:t})=>(0,L.jsx)(`option`,{value:e,children:t[n]},e))]}),(0,L.jsx)(N,{label:t.accountNumber,name:`accountNumber`,inputMode:`numeric`,autoComplete:`off`,required:!0,maxLength:40,hint:t.accountNumberHint,error:e.accountNumber}),(0,L.jsx)(N,{label:t.holder,name:`holderName`,autoComplete:`name`,required:!0,maxLength:60,error:e.holderName})]})}var G=p(`
    mutation CancelOrder($input: CancelOrderInput!) {
      cancelOrder(input: $input) {
        order {
          ...OrderFields
          payment {
            ...OrderPaymentFields
          }
        }
      }
    }
  `,[V,H]);function K({order:e,reload:t}){let n=y(D),[r,i]=(0,F.useState)(!1);return!r&&!ce(e)?null:(0,L.jsxs)(L.Fragment,{children:[(0,L.jsx)(c,{kind:q(e)?`main`:`danger`,money:!0,onClick:()=>i(!0),children:q(e)?n.cancel.lateButton:n.cancel.button}),r&&(0,L.jsx)(ue,{order:e,reload:t,onClose:()=>i(!1)})]})}function q({status:e,payment:t}){return e!==`PLACED`&&e!==`PAID`&&t!==null&&t.refundNeedsAccount}function ce(e){let{status:t,payment:n}=e;return q(e)?!0:t!==`PLACED`&&t!==`PAID`?!1:n===null||![`APPROVING`,`UNKNOWN`,`CANCELING`].includes(n.status)}var le=[`INVALID_REFUND_ACCOUNT_INFO`,`INVALID_REFUND_ACCOUNT_NUMBER`,`INVALID_BANK`];function ue({order:e,reload:n,onClose:i}){let a=y(D).cancel,o=r(),u=re(),[d,f]=(0,F.useState)(),{form:p,faults:m,setFaults:h}=oe(),g=q(e),_=g?e.total:e.status===`PAID`?e.payment?.balance??0:0,v=_>0&&e.payment.refundNeedsAccount,[b,x]=M(async()=>{let r=v?fe(new FormData(p.current)):void 0,s=r&&pe(r,a);if(f(void 0),h(s??{}),s)return;let c={orderId:e.id,...r&&{refundAccount:r}},d=`cancel:${e.id}`,m=await u(G,{input:{...c,idempotencyKey:l(d,c)}});if(t(d,m.problem),m.data){C(g?a.lateDone(o(_)):_>0?a.refundedDone(o(_)):a.done),i();return}let{code:y,field:b,declined:x}=m.problem;y===`IN_PROGRESS`?(C(a.wait),n(),i()):y===`INVALID`&&b?.startsWith(`refundAccount.`)?h({[b.slice(14)]:me(b,a)}):y===`DECLINED`&&v&&le.includes(x?.code??``)?h({accountNumber:a.accountRefused}):x?f({...m.problem,declined:{...x,message:a.notRefunded}}):(f(m.problem),y===`CONFLICT`&&n())});return(0,L.jsx)(ae,{title:g?a.lateTitle:a.title,onClose:()=>!x&&i(),children:(0,L.jsxs)(`form`,{ref:p,noValidate:!0,className:se.form,onSubmit:e=>{e.preventDefault(),b()},children:[(0,L.jsx)(`p`,{children:g?a.late(o(_)):de(e,_,o,a)}),v&&(0,L.jsx)(W,{faults:m}),_>0&&!v&&(0,L.jsx)(`p`,{className:I.soft,children:a.card}),(0,L.jsx)(s,{problem:d}),(0,L.jsxs)(`div`,{className:I.buttons,children:[(0,L.jsx)(c,{onClick:()=>!x&&i(),children:a.keep}),(0,L.jsx)(c,{type:`submit`,kind:g?`main`:`danger`,money:!0,busy:x,busyLabel:_>0?a.refunding:a.canceling,children:g?a.lateRefund(o(_)):_>0?a.refund(o(_)):a.confirm})]})]})})}function de({payment:e},t,n,r){return e?.status===`WAITING_FOR_DEPOSIT`?r.waiting:t===0?r.unpaid:e.refundedAmount>0?r.rest(n(t)):r.paid(n(t))}function fe(e){let t=t=>String(e.get(t)??``).trim();return{bankCode:t(`bankCode`),accountNumber:t(`accountNumber`).normalize(`NFKC`).replace(/[\s-]/g,``),holderName:t(`holderName`)}}function pe({bankCode:e,accountNumber:t,holderName:n},r){return P({bankCode:e===``&&r.needBank,accountNumber:!/^\d{6,20}$/.test(t)&&r.needNumber,holderName:(n===``||[...n].length>60)&&r.needHolder})}function me(e,t){return e.endsWith(`bankCode`)?t.needBank:e.endsWith(`holderName`)?t.needHolder:t.needNumber}function he({order:e}){let t=y(D),n=r();return(0,L.jsxs)(`section`,{className:I.section,"aria-labelledby":`lines`,children:[(0,L.jsx)(`h2`,{id:`lines`,children:t.lines}),(0,L.jsx)(`ul`,{className:I.lines,children:e.lines.map((e,r)=>(0,L.jsxs)(`li`,{children:[(0,L.jsxs)(`span`,{children:[(0,L.jsx)(h,{href:`/products/${e.productId}`,children:e.name}),(0,L.jsxs)(`span`,{className:I.soft,children:[t.each(n(e.unitPrice),e.quantity.toLocaleString(`ko-KR`)),e.taxFree&&` · ${t.taxFree}`]})]}),(0,L.jsx)(`span`,{className:I.amount,children:(0,L.jsx)(d,{won:e.amount})})]},r))}),(0,L.jsxs)(`dl`,{className:I.pairs,children:[e.taxFreeTotal>0&&(0,L.jsxs)(`div`,{children:[(0,L.jsx)(`dt`,{children:t.taxFreeTotal}),(0,L.jsx)(`dd`,{children:(0,L.jsx)(d,{won:e.taxFreeTotal})})]}),(0,L.jsxs)(`div`,{className:I.sum,children:[(0,L.jsx)(`dt`,{children:t.total}),(0,L.jsx)(`dd`,{children:(0,L.jsx)(d,{won:e.total})})]})]})]})}function ge({order:{payment:e}}){let t=y(D),{pg:n,method:r}=y(S);if(!e?.approvedAt)return null;let{installmentMonths:i}=e;return(0,L.jsxs)(`section`,{className:I.section,"aria-labelledby":`payment`,children:[(0,L.jsxs)(`div`,{className:I.head,children:[(0,L.jsx)(`h2`,{id:`payment`,children:t.payment}),(0,L.jsx)(E,{payment:e.status})]}),(0,L.jsxs)(`dl`,{className:I.pairs,children:[(0,L.jsxs)(`div`,{children:[(0,L.jsx)(`dt`,{children:t.paidWith}),(0,L.jsxs)(`dd`,{children:[n[e.pg],e.method&&` · ${r[e.method]}`,i>0&&` · ${t.months(i)}`]})]}),e.refundedAmount>0&&(0,L.jsxs)(L.Fragment,{children:[(0,L.jsxs)(`div`,{children:[(0,L.jsx)(`dt`,{children:t.refunded}),(0,L.jsx)(`dd`,{children:(0,L.jsx)(d,{won:-e.refundedAmount})})]}),(0,L.jsxs)(`div`,{className:I.sum,children:[(0,L.jsx)(`dt`,{children:t.net}),(0,L.jsx)(`dd`,{children:(0,L.jsx)(d,{won:e.balance})})]})]})]})]})}function _e({order:{payment:e}}){let t=y(D);return!e||e.refunds.length===0?null:(0,L.jsxs)(`section`,{className:I.section,"aria-labelledby":`refunds`,children:[(0,L.jsx)(`h2`,{id:`refunds`,children:t.refunds}),(0,L.jsx)(`ul`,{className:I.lines,children:e.refunds.map(e=>(0,L.jsxs)(`li`,{children:[(0,L.jsxs)(`span`,{children:[(0,L.jsx)(`span`,{className:I.soft,children:(0,L.jsx)(A,{at:e.doneAt??e.requestedAt})}),e.reason,e.status===`FAILED`&&(0,L.jsx)(`span`,{className:I.soft,children:t.refundFailed}),(0,L.jsx)(`span`,{children:(0,L.jsx)(E,{refund:e.status})})]}),(0,L.jsx)(`span`,{className:I.amount,children:(0,L.jsx)(d,{won:-e.amount})})]},e.id))})]})}function ve(e,t){let{payment:n}=e;return[...e.history.map(e=>J(`order`,e,Y(e,n,t))),...(n?.history??[]).map(e=>J(`payment`,e,Y(e,n,t)))].filter(e=>e.text!==``).sort((e,t)=>Date.parse(e.at)-Date.parse(t.at))}function J(e,{version:t,at:n},r){return{key:`${e} ${t}`,at:n,text:r}}function Y({kind:e,note:t,at:n},r,{words:i,won:a,gateway:o}){let s=r?.refunds.find(e=>e.doneAt===n)?.amount;switch(e){case`payment.opened`:return t?i.opened(o(t)):i.happened[e];case`payment.approved`:return r?i.approved(a(r.amount)):i.happened[e];case`payment.partially_canceled`:case`payment.canceled`:return s?i.refundedOf(a(s)):i.happened[e];case`payment.late_money_returned`:return s?i.lateReturned(a(s)):i.happened[e];default:return ye(e,i)?i.happened[e]:``}}function ye(e,t){return Object.hasOwn(t.happened,e)}function be({order:e}){let t=y(D),{pg:n}=y(S),i=r();return(0,L.jsxs)(`section`,{className:I.section,"aria-labelledby":`timeline`,children:[(0,L.jsx)(`h2`,{id:`timeline`,children:t.timeline}),(0,L.jsx)(`ol`,{className:I.timeline,children:ve(e,{words:t,won:i,gateway:e=>e===`KAKAO`||e===`TOSS`?n[e]:e}).map(e=>(0,L.jsxs)(`li`,{children:[(0,L.jsx)(`span`,{children:e.text}),(0,L.jsx)(`span`,{className:I.soft,children:(0,L.jsx)(A,{at:e.at,relative:!0})})]},e.key))})]})}var xe=p(`
    query Order($id: ID!) {
      viewer {
        id
        email
      }
      order(id: $id) {
        ...OrderFields
        ...PanelOrder
        payment {
          ...OrderPaymentFields
        }
      }
    }
  `,[V,H,j]);function Se(){let{id:e=``}=T();return(0,L.jsx)(Ce,{id:e},e)}function Ce({id:e}){let t=y(D),{data:n,problem:r,reload:a}=b(xe,{id:e}),s=n?.viewer,c=te(n?.order??void 0,s),l=c&&X(c),u=(0,F.useEffectEvent)(a);if((0,F.useEffect)(()=>{l&&u()},[l,c?.version,c?.payment?.version]),c)return(0,L.jsx)(we,{order:c,reload:a});if(s&&n.order===null&&(r?.code??`NOT_FOUND`)===`NOT_FOUND`)return(0,L.jsx)($,{email:s.email});let d=s===null?{code:`UNAUTHENTICATED`}:r;return(0,L.jsx)(o,{title:t.order,narrow:!0,ready:!1,children:d?(0,L.jsx)(i,{problem:d,onRetry:a}):(0,L.jsx)(_,{})})}function X({version:e,history:t,payment:n}){let r=e=>e.at(-1)?.version??0;return r(t)<e||n!==null&&r(n.history)<n.version}var Z={approved:`receipt`,refunded:`receipt`,canceled:`again`,expired:`again`},Q=[`unpaid`,`failed`,`deposit`];function we({order:t,reload:n}){let r=y(D),{kind:i}=ne(t),a=(0,L.jsx)(K,{order:t,reload:n});return(0,L.jsxs)(o,{title:r.heading(t.number),aside:(0,L.jsx)(E,{order:t.status}),narrow:!0,children:[(0,L.jsxs)(`p`,{className:I.placed,children:[r.placedAt,` `,(0,L.jsx)(A,{at:t.placedAt}),(0,L.jsx)(Ee,{number:t.number})]}),(0,L.jsx)(k,{order:t,reload:n,onOrderPage:!0,actions:Q.includes(i)&&(0,L.jsx)(`div`,{className:I.actions,children:a})}),(0,L.jsx)(he,{order:t}),(0,L.jsx)(ge,{order:t}),(0,L.jsx)(_e,{order:t}),(0,L.jsxs)(`div`,{className:I.actions,children:[Te(t)&&Z[i]!==`receipt`&&(0,L.jsx)(e,{href:`/orders/${t.id}/receipt`,children:r.receipt}),Z[i]!==`again`&&(0,L.jsx)(z,{order:t}),!Q.includes(i)&&a]}),(0,L.jsx)(be,{order:t})]})}function Te({payment:e}){return e!==null&&e.approvedAt!==null}function Ee({number:e}){let t=y(S),{number:n}=y(D);return(0,L.jsxs)(c,{kind:`quiet`,"aria-label":`${n} ${t.copy}`,onClick:()=>void O(e).then(()=>C(t.copied)),children:[(0,L.jsx)(f,{size:18}),t.copy]})}function $({email:t}){let n=y(D);return(0,L.jsx)(o,{title:n.missing,unseenTitle:!0,children:(0,L.jsx)(a,{title:n.missing,text:`${n.missingText} ${n.signedInAs(t)}`,children:(0,L.jsx)(e,{href:`/orders`,kind:`main`,children:n.mine})})})}export{$ as Missing,Se as default,H as n,V as t};