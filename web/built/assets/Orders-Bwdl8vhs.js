import{$ as e,A as t,M as n,N as r,O as i,Q as a,St as o,T as s,V as c,bt as l,c as u,gt as d,ht as f,it as p,k as m,nt as h,o as g,xt as _}from"./shop-MF11q8z5.js";import{n as v,r as y,t as b}from"./orders-DFX5ZJ6Y.js";import{n as x,t as S}from"./When-Bc6McQWm.js";import{t as C}from"./account-CIGQkGJO.js";var w=o(_(),1);function T(e,{page:t,most:n}){let[r,i]=(0,w.useState)(()=>({list:e,pages:D(e),after:null})),a=r.list===e?r:{list:e,pages:1,after:null};return(0,w.useEffect)(()=>{sessionStorage.setItem(E(),JSON.stringify({list:e,pages:a.pages}))},[e,a.pages]),{first:a.after?t:Math.min(n,a.pages*t),after:a.after,pages:a.pages,more:t=>i({list:e,pages:a.pages+1,after:t??null}),useCatchUp({count:e,hasNextPage:n,endCursor:r,settled:o}){let s=e!==void 0&&e<a.pages*t&&n&&o;(0,w.useEffect)(()=>{s&&i({...a,after:r??null})})}}}var E=()=>`pages:${f()}`;function D(e){let t=JSON.parse(sessionStorage.getItem(E())??`{}`);return t.list===e?t.pages??1:1}var O={tabs:`_tabs_kurmh_1`,list:`_list_kurmh_33`,card:`_card_kurmh_38`,facts:`_facts_kurmh_62`,top:`_top_kurmh_68`,name:`_name_kurmh_75`,soft:`_soft_kurmh_79`,left:`_left_kurmh_85`,money:`_money_kurmh_91`};function k(e){return Math.max(0,Math.ceil((Date.parse(e)-x(1))/1e3))}var A=p(),j=u(`
  query Orders($first: Int!, $after: String, $status: [OrderStatus!]) {
    viewer {
      id
      orders(first: $first, after: $after, status: $status) {
        nodes {
          id
          number
          status
          total
          placedAt
          expiresAt
          version
          lines {
            name
          }
          payment {
            id
            status
            refundedAmount
            version
          }
        }
        pageInfo {
          hasNextPage
          endCursor
        }
      }
    }
  }
`),M={all:null,placed:[`PLACED`],paid:[`PAID`],canceled:[`CANCELED`,`EXPIRED`]};function N(){let e=h(b),[t]=l(),r=t.get(`status`)??`all`,o=Object.hasOwn(M,r)?r:`all`,s=T(`orders ${o}`,{page:20,most:100}),{data:c,problem:u,fetching:d,reload:f}=g(j,{first:s.first,after:s.after,status:M[o]}),p=y(c?.viewer?.orders,c?.viewer),{hasNextPage:m=!1,endCursor:_}=p?.pageInfo??{};s.useCatchUp({count:p?.nodes.length,hasNextPage:m,endCursor:_,settled:!d&&!u});let v=c?.viewer===null&&!p?{code:`UNAUTHENTICATED`}:u;return(0,A.jsxs)(i,{title:e.title,narrow:!0,ready:p!==void 0,children:[p&&(0,A.jsx)(P,{current:o}),p?.nodes.length===0&&!d&&(0,A.jsx)(F,{tab:o}),p&&p.nodes.length>0&&(0,A.jsx)(`ul`,{className:O.list,children:p.nodes.map(e=>(0,A.jsx)(`li`,{children:(0,A.jsx)(I,{order:e})},e.id))}),p&&m&&(0,A.jsx)(a,{busy:d,busyLabel:e.loadingMore,onClick:()=>s.more(_),children:e.more}),v&&(0,A.jsx)(n,{problem:v,onRetry:f}),!p&&!v&&(0,A.jsx)(z,{})]})}function P({current:e}){let t=h(b);return(0,A.jsx)(`nav`,{className:O.tabs,"aria-label":t.tabs.label,children:Object.keys(M).map(n=>(0,A.jsx)(d,{href:n===`all`?`/orders`:`/orders?status=${n}`,"aria-current":n===e?`page`:void 0,children:t.tabs[n]},n))})}function F({tab:t}){let n=h(b);return(0,A.jsx)(r,{title:n.empty[t],children:t===`all`?(0,A.jsx)(e,{href:`/products`,kind:`main`,children:n.browse}):(0,A.jsx)(e,{href:`/orders`,children:n.showAll})})}function I({order:e}){let t=h(b),[n,...r]=e.lines,i=r.length>0?t.others(n?.name??``,r.length):n?.name;return(0,A.jsxs)(d,{href:`/orders/${e.id}`,className:O.card,children:[(0,A.jsxs)(`span`,{className:O.facts,children:[(0,A.jsxs)(`span`,{className:O.top,children:[(0,A.jsx)(L,{order:e}),(0,A.jsx)(`span`,{className:O.soft,children:(0,A.jsx)(S,{at:e.placedAt})})]}),(0,A.jsx)(`b`,{className:O.name,children:i}),(0,A.jsx)(`span`,{className:O.soft,children:t.heading(e.number)}),e.status===`PLACED`&&e.payment?.status!==`WAITING_FOR_DEPOSIT`&&(0,A.jsx)(R,{until:e.expiresAt})]}),(0,A.jsxs)(`span`,{className:O.money,children:[(0,A.jsx)(`b`,{children:(0,A.jsx)(s,{won:e.total})}),e.payment!==null&&e.payment.refundedAmount>0&&(0,A.jsxs)(`span`,{className:O.soft,children:[t.refunded,` `,(0,A.jsx)(s,{won:-e.payment.refundedAmount})]})]}),(0,A.jsx)(c,{})]})}function L({order:{status:e,payment:t}}){switch(t?.status){case`APPROVING`:case`UNKNOWN`:case`WAITING_FOR_DEPOSIT`:case`CANCELING`:case`PARTIALLY_CANCELED`:return(0,A.jsx)(v,{payment:t.status});default:return(0,A.jsx)(v,{order:e})}}function R({until:e}){let t=h(b),{minutes:n}=h(C),r=k(e);return(0,A.jsx)(`span`,{className:O.left,children:r>0?t.payIn(n(Math.floor(r/60),r%60)):t.payOver})}function z(){return(0,A.jsx)(t,{className:O.list,children:[1,2,3].map(e=>(0,A.jsx)(`div`,{className:O.card,children:(0,A.jsxs)(`div`,{className:O.facts,children:[(0,A.jsx)(m,{size:`short`}),(0,A.jsx)(m,{}),(0,A.jsx)(m,{size:`short`})]})},e))})}export{N as default};