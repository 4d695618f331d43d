import{D as e,F as t,G as n,I as r,J as i,L as a,N as o,P as s,Q as c,R as l,W as u,X as d,a as f,b as p,d as m,et as h,f as g,h as _,i as v,l as y,m as b,o as x,p as S,q as C,tt as ee,v as w,x as T,y as E}from"./shop-CNG2RJc0.js";import{n as D,r as O,t as k}from"./orders-Df5Y5gT7.js";import{t as A}from"./When-hB6I9QQW.js";import{n as j,r as M,t as te}from"./Form.module-CLMSqXS_.js";import{t as ne}from"./Dialog-DpI8l2Ks.js";import{i as re,n as ie,r as N,t as ae}from"./useFaults-CmuAzCLG.js";var P=ee(h(),1),F={placed:`_placed_oy3sx_1`,section:`_section_oy3sx_10`,head:`_head_oy3sx_17`,pairs:`_pairs_oy3sx_25`,sum:`_sum_oy3sx_46`,lines:`_lines_oy3sx_61`,amount:`_amount_oy3sx_82`,soft:`_soft_oy3sx_87`,actions:`_actions_oy3sx_93`,outcome:`_outcome_oy3sx_99`,timeline:`_timeline_oy3sx_117`,buttons:`_buttons_oy3sx_151`,account:`_account_oy3sx_158`},I=l(),L=x(`
  query OrderAgain($ids: [ID!]!) {
    nodes(ids: $ids) {
      id
      ... on Product {
        price
        stock
      }
    }
  }
`);function R({order:e}){let t=r(k),{full:n}=r(b),a=i(),[s,c]=(0,P.useState)(),[l,u]=(0,P.useState)(),[f,p]=j(async()=>{c(void 0),u(void 0);let t=e.lines.map(e=>e.productId),{data:n,error:r}=await a.query(L,{ids:t},{requestPolicy:`network-only`}).toPromise();n?u(z(e,n.nodes)):c(C(r)??{code:`INTERNAL`})});return(0,I.jsxs)(I.Fragment,{children:[(0,I.jsx)(o,{busy:p,onClick:f,children:t.again}),(0,I.jsx)(`div`,{role:`status`,className:F.outcome,children:l&&(0,I.jsxs)(I.Fragment,{children:[l.added>0&&(0,I.jsxs)(`p`,{children:[t.inCart(l.added),` `,(0,I.jsx)(d,{href:`/cart`,children:t.seeCart})]}),l.soldOut.length>0&&(0,I.jsx)(`p`,{children:t.soldOut(l.soldOut.join(`, `))}),l.gone.length>0&&(0,I.jsx)(`p`,{children:t.gone(l.gone.join(`, `))}),l.full&&(0,I.jsx)(`p`,{children:n})]})}),(0,I.jsx)(T,{problem:s})]})}function z(e,t){let n=new Map(t.filter(e=>e!==null).map(e=>[e.id,e])),r={added:0,gone:[],soldOut:[],full:!1};for(let{productId:t,name:i,quantity:a}of e.lines){let{price:e,stock:o=0}=n.get(t)??{};e===void 0?r.gone.push(i):o===0?r.soldOut.push(i):y(t,e,Math.min(a,o))?r.added++:r.full=!0}return r}var B=x(`
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
`),V=x(`
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
    paymentKey
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
`),H=[{code:`06`,name:{ko:`KB국민은행`,en:`KB Kookmin Bank`}},{code:`88`,name:{ko:`신한은행`,en:`Shinhan Bank`}},{code:`20`,name:{ko:`우리은행`,en:`Woori Bank`}},{code:`81`,name:{ko:`하나은행`,en:`Hana Bank`}},{code:`11`,name:{ko:`NH농협은행`,en:`NH NongHyup Bank`}},{code:`03`,name:{ko:`IBK기업은행`,en:`Industrial Bank of Korea`}},{code:`90`,name:{ko:`카카오뱅크`,en:`KakaoBank`}},{code:`92`,name:{ko:`토스뱅크`,en:`Toss Bank`}},{code:`89`,name:{ko:`케이뱅크`,en:`K bank`}},{code:`23`,name:{ko:`SC제일은행`,en:`Standard Chartered Bank Korea`}},{code:`27`,name:{ko:`씨티은행`,en:`Citibank Korea`}},{code:`39`,name:{ko:`경남은행`,en:`Kyongnam Bank`}},{code:`34`,name:{ko:`광주은행`,en:`Kwangju Bank`}},{code:`31`,name:{ko:`iM뱅크 (대구)`,en:`iM Bank (Daegu)`}},{code:`32`,name:{ko:`부산은행`,en:`Busan Bank`}},{code:`37`,name:{ko:`전북은행`,en:`Jeonbuk Bank`}},{code:`35`,name:{ko:`제주은행`,en:`Jeju Bank`}},{code:`02`,name:{ko:`KDB산업은행`,en:`Korea Development Bank`}},{code:`07`,name:{ko:`Sh수협은행`,en:`Suhyup Bank`}},{code:`12`,name:{ko:`지역농축협`,en:`Local NongHyup`}},{code:`45`,name:{ko:`새마을금고`,en:`Korean Federation of Community Credit Cooperatives`}},{code:`48`,name:{ko:`신협`,en:`National Credit Union Federation`}},{code:`64`,name:{ko:`산림조합`,en:`National Forestry Cooperative`}},{code:`71`,name:{ko:`우체국`,en:`Korea Post`}},{code:`50`,name:{ko:`저축은행`,en:`Savings banks`}},{code:`54`,name:{ko:`HSBC`,en:`HSBC Korea`}}];function U({faults:e}){let n=r(k).cancel,i=t();return(0,I.jsxs)(`fieldset`,{className:F.account,children:[(0,I.jsx)(`legend`,{children:n.account}),(0,I.jsxs)(re,{label:n.bank,name:`bankCode`,required:!0,defaultValue:``,error:e.bankCode,children:[(0,I.jsx)(`option`,{value:``,disabled:!0,children:n.choose}),H.map(({code:e,name:t})=>(0,I.jsx)(`option`,{value:e,children:t[i]},e))]}),(0,I.jsx)(N,{label:n.accountNumber,name:`accountNumber`,inputMode:`numeric`,autoComplete:`off`,required:!0,maxLength:40,hint:n.accountNumberHint,error:e.accountNumber}),(0,I.jsx)(N,{label:n.holder,name:`holderName`,autoComplete:`name`,required:!0,maxLength:60,error:e.holderName})]})}var W=x(`
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
  `,[B,V]);function G({order:e,onChanged:t}){let n=r(k),[i,a]=(0,P.useState)(!1);return!i&&!K(e)?null:(0,I.jsxs)(I.Fragment,{children:[(0,I.jsx)(o,{kind:`danger`,money:!0,onClick:()=>a(!0),children:n.cancel.button}),i&&(0,I.jsx)(J,{order:e,onChanged:t,onClose:()=>a(!1)})]})}function K({status:e,payment:t}){return e!==`PLACED`&&e!==`PAID`?!1:t===null||![`APPROVING`,`UNKNOWN`,`CANCELING`].includes(t.status)}var q=[`INVALID_REFUND_ACCOUNT_INFO`,`INVALID_REFUND_ACCOUNT_NUMBER`,`INVALID_BANK`];function J({order:e,onChanged:t,onClose:i}){let a=r(k).cancel,s=S(),c=M(),[l,d]=(0,P.useState)(),{form:f,faults:p,setFaults:h}=ie(),g=e.status===`PAID`?e.payment?.balance??0:0,[_,v]=(0,P.useState)(!1),[y,b]=j(async()=>{let r=_?se(new FormData(f.current)):void 0,o=r&&ce(r,a);if(d(void 0),h(o??{}),o)return;let l={orderId:e.id,...r&&{refundAccount:r}},p=`cancel:${e.id}`,y=await c(W,{input:{...l,idempotencyKey:u(p,l)}});if(n(p,y.problem),y.data){m(g>0?a.refundedDone(s(g)):a.done),i();return}let{code:b,field:x,declined:S}=y.problem;b===`IN_PROGRESS`?(m(a.wait),t(),i()):b===`INVALID`&&x?.startsWith(`refundAccount.`)?h({[x.slice(14)]:le(x,a)}):b===`DECLINED`&&q.includes(S?.code??``)?(_&&h({accountNumber:S.message}),v(!0)):(d(y.problem),b===`CONFLICT`&&t())});return(0,I.jsx)(ne,{title:a.title,onClose:()=>!b&&i(),children:(0,I.jsxs)(`form`,{ref:f,noValidate:!0,className:te.form,onSubmit:e=>{e.preventDefault(),y()},children:[(0,I.jsx)(`p`,{children:oe(e,g,s,a)}),_&&(0,I.jsx)(U,{faults:p}),g>0&&!_&&(0,I.jsx)(`p`,{className:F.soft,children:a.card}),(0,I.jsx)(T,{problem:l}),(0,I.jsxs)(`div`,{className:F.buttons,children:[(0,I.jsx)(o,{onClick:()=>!b&&i(),children:a.keep}),(0,I.jsx)(o,{type:`submit`,kind:`danger`,money:!0,busy:b,busyLabel:g>0?a.refunding:a.canceling,children:g>0?a.refund(s(g)):a.confirm})]})]})})}function oe({payment:e},t,n,r){return e?.status===`WAITING_FOR_DEPOSIT`?r.waiting:t===0?r.unpaid:e.refundedAmount>0?r.rest(n(t)):r.paid(n(t))}function se(e){let t=t=>String(e.get(t)??``).trim();return{bankCode:t(`bankCode`),accountNumber:t(`accountNumber`).normalize(`NFKC`).replace(/[\s-]/g,``),holderName:t(`holderName`)}}function ce({bankCode:e,accountNumber:t,holderName:n},r){return ae({bankCode:e===``&&r.needBank,accountNumber:!/^\d{6,20}$/.test(t)&&r.needNumber,holderName:(n===``||[...n].length>60)&&r.needHolder})}function le(e,t){return e.endsWith(`bankCode`)?t.needBank:e.endsWith(`holderName`)?t.needHolder:t.needNumber}function ue({order:e}){let t=r(k),n=S();return(0,I.jsxs)(`section`,{className:F.section,"aria-labelledby":`lines`,children:[(0,I.jsx)(`h2`,{id:`lines`,children:t.lines}),(0,I.jsx)(`ul`,{className:F.lines,children:e.lines.map((e,r)=>(0,I.jsxs)(`li`,{children:[(0,I.jsxs)(`span`,{children:[(0,I.jsx)(d,{href:`/products/${e.productId}`,children:e.name}),(0,I.jsxs)(`span`,{className:F.soft,children:[t.each(n(e.unitPrice),e.quantity.toLocaleString(`ko-KR`)),e.taxFree&&` · ${t.taxFree}`]})]}),(0,I.jsx)(`span`,{className:F.amount,children:(0,I.jsx)(g,{won:e.amount})})]},r))}),(0,I.jsxs)(`dl`,{className:F.pairs,children:[e.taxFreeTotal>0&&(0,I.jsxs)(`div`,{children:[(0,I.jsx)(`dt`,{children:t.taxFreeTotal}),(0,I.jsx)(`dd`,{children:(0,I.jsx)(g,{won:e.taxFreeTotal})})]}),(0,I.jsxs)(`div`,{className:F.sum,children:[(0,I.jsx)(`dt`,{children:t.total}),(0,I.jsx)(`dd`,{children:(0,I.jsx)(g,{won:e.total})})]})]})]})}function de({order:{payment:e}}){let t=r(k),{pg:n}=r(a);if(!e)return null;let{installmentMonths:i}=e;return(0,I.jsxs)(`section`,{className:F.section,"aria-labelledby":`payment`,children:[(0,I.jsxs)(`div`,{className:F.head,children:[(0,I.jsx)(`h2`,{id:`payment`,children:t.payment}),(0,I.jsx)(D,{payment:e.status})]}),(0,I.jsxs)(`dl`,{className:F.pairs,children:[(0,I.jsxs)(`div`,{children:[(0,I.jsx)(`dt`,{children:t.paidWith}),(0,I.jsxs)(`dd`,{children:[n[e.pg],i>0&&` · ${t.months(i)}`]})]}),e.refundedAmount>0&&(0,I.jsxs)(I.Fragment,{children:[(0,I.jsxs)(`div`,{children:[(0,I.jsx)(`dt`,{children:t.refunded}),(0,I.jsx)(`dd`,{children:(0,I.jsx)(g,{won:-e.refundedAmount})})]}),(0,I.jsxs)(`div`,{className:F.sum,children:[(0,I.jsx)(`dt`,{children:t.net}),(0,I.jsx)(`dd`,{children:(0,I.jsx)(g,{won:e.balance})})]})]})]})]})}function fe({order:{payment:e}}){let t=r(k);return!e||e.refunds.length===0?null:(0,I.jsxs)(`section`,{className:F.section,"aria-labelledby":`refunds`,children:[(0,I.jsx)(`h2`,{id:`refunds`,children:t.refunds}),(0,I.jsx)(`ul`,{className:F.lines,children:e.refunds.map(e=>(0,I.jsxs)(`li`,{children:[(0,I.jsxs)(`span`,{children:[(0,I.jsx)(`span`,{className:F.soft,children:(0,I.jsx)(A,{at:e.doneAt??e.requestedAt})}),e.reason,e.status===`FAILED`&&(0,I.jsx)(`span`,{className:F.soft,children:t.refundFailed}),(0,I.jsx)(`span`,{children:(0,I.jsx)(D,{refund:e.status})})]}),(0,I.jsx)(`span`,{className:F.amount,children:(0,I.jsx)(g,{won:-e.amount})})]},e.id))})]})}function pe(e,t){let{payment:n}=e;return[...e.history.map(e=>Y(`order`,e,X(e,n,t))),...(n?.history??[]).map(e=>Y(`payment`,e,X(e,n,t)))].filter(e=>e.text!==``).sort((e,t)=>Date.parse(e.at)-Date.parse(t.at))}function Y(e,{version:t,at:n},r){return{key:`${e} ${t}`,at:n,text:r}}function X({kind:e,note:t,at:n},r,{words:i,won:a,gateway:o}){let s=r?.refunds.find(e=>e.doneAt===n)?.amount;switch(e){case`payment.opened`:return t?i.opened(o(t)):i.happened[e];case`payment.approved`:return r?i.approved(a(r.amount)):i.happened[e];case`payment.partially_canceled`:case`payment.canceled`:return s?i.refundedOf(a(s)):i.happened[e];case`payment.late_money_returned`:return s?i.lateReturned(a(s)):i.happened[e];default:return me(e,i)?i.happened[e]:``}}function me(e,t){return Object.hasOwn(t.happened,e)}function he({order:e}){let t=r(k),{pg:n}=r(a),i=S();return(0,I.jsxs)(`section`,{className:F.section,"aria-labelledby":`timeline`,children:[(0,I.jsx)(`h2`,{id:`timeline`,children:t.timeline}),(0,I.jsx)(`ol`,{className:F.timeline,children:pe(e,{words:t,won:i,gateway:e=>e===`KAKAO`||e===`TOSS`?n[e]:e}).map(e=>(0,I.jsxs)(`li`,{children:[(0,I.jsx)(`span`,{children:e.text}),(0,I.jsx)(`span`,{className:F.soft,children:(0,I.jsx)(A,{at:e.at,relative:!0})})]},e.key))})]})}var ge=x(`
    query Order($id: ID!) {
      viewer {
        id
        email
      }
      order(id: $id) {
        ...OrderFields
        payment {
          ...OrderPaymentFields
        }
      }
    }
  `,[B,V]),_e=x(`
    subscription OrderUpdated($id: ID!) {
      orderUpdated(orderId: $id) {
        ...OrderFields
        payment {
          ...OrderPaymentFields
        }
      }
    }
  `,[B,V]),ve=x(`
    subscription OrderPaymentUpdated($id: ID!) {
      paymentUpdated(paymentId: $id) {
        ...OrderPaymentFields
      }
    }
  `,[V]);function Z(){let{id:e=``}=c();return(0,I.jsx)(ye,{id:e},e)}function ye({id:e}){let t=r(k),{data:n,problem:i,reload:a}=v(ge,{id:e}),o=n?.viewer,s=O(n?.order??void 0,o);f(_e,{id:e},{pause:!s,ask:a});let c=s?.payment?.id??``;if(f(ve,{id:c},{pause:!c,ask:a}),s)return(0,I.jsx)(be,{order:s,onChanged:a});if(o&&(i?.code===`NOT_FOUND`||!i))return(0,I.jsx)($,{email:o.email});let l=o===null?{code:`UNAUTHENTICATED`}:i;return(0,I.jsx)(_,{title:t.order,narrow:!0,ready:!1,children:l?(0,I.jsx)(E,{problem:l,onRetry:a}):(0,I.jsx)(w,{})})}function be({order:e,onChanged:t}){let n=r(k);return(0,I.jsxs)(_,{title:n.heading(e.number),aside:(0,I.jsx)(D,{order:e.status}),narrow:!0,children:[(0,I.jsxs)(`p`,{className:F.placed,children:[n.placedAt,` `,(0,I.jsx)(A,{at:e.placedAt}),(0,I.jsx)(xe,{number:e.number})]}),(0,I.jsx)(de,{order:e}),(0,I.jsx)(ue,{order:e}),(0,I.jsx)(fe,{order:e}),(0,I.jsxs)(`div`,{className:F.actions,children:[Q(e)&&(0,I.jsx)(s,{href:`/orders/${e.id}/receipt`,children:n.receipt}),(0,I.jsx)(R,{order:e}),(0,I.jsx)(G,{order:e,onChanged:t})]}),(0,I.jsx)(he,{order:e})]})}function Q({payment:e}){return e!==null&&e.approvedAt!==null}function xe({number:t}){let n=r(a),{number:i}=r(k);return(0,I.jsxs)(o,{kind:`quiet`,"aria-label":`${i} ${n.copy}`,onClick:()=>void navigator.clipboard.writeText(t).then(()=>m(n.copied)),children:[(0,I.jsx)(e,{size:18}),n.copy]})}function $({email:e}){let t=r(k);return(0,I.jsx)(_,{title:t.missing,unseenTitle:!0,children:(0,I.jsx)(p,{title:t.missing,text:`${t.missingText} ${t.signedInAs(e)}`,children:(0,I.jsx)(s,{href:`/orders`,kind:`main`,children:t.mine})})})}export{$ as Missing,Z as default,Q as hasReceipt,V as n,B as t};