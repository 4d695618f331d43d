import{$ as e,I as t,N as n,P as r,R as i,T as a,X as o,Y as s,_ as c,b as l,et as u,f as d,g as f,h as p,i as m,o as h,tt as g,y as _}from"./shop-CNG2RJc0.js";import{n as v,r as y,t as b}from"./orders-Df5Y5gT7.js";import{n as x,t as S}from"./When-hB6I9QQW.js";import{t as C}from"./account-DXlSccX0.js";var w=g(u(),1);function T(e,{page:t,most:n}){let[r,i]=(0,w.useState)(()=>({list:e,pages:D(e),after:null})),a=r.list===e?r:{list:e,pages:1,after:null};return(0,w.useEffect)(()=>{sessionStorage.setItem(E(),JSON.stringify({list:e,pages:a.pages}))},[e,a.pages]),{first:a.after?t:Math.min(n,a.pages*t),after:a.after,pages:a.pages,more:t=>i({list:e,pages:a.pages+1,after:t??null}),useCatchUp({count:e,hasNextPage:n,endCursor:r,settled:o}){let s=e!==void 0&&e<a.pages*t&&n&&o;(0,w.useEffect)(()=>{s&&i({...a,after:r??null})})}}}var E=()=>`pages:${s()}`;function D(e){let t=JSON.parse(sessionStorage.getItem(E())??`{}`);return t.list===e?t.pages??1:1}var O={tabs:`_tabs_kurmh_1`,list:`_list_kurmh_33`,card:`_card_kurmh_38`,facts:`_facts_kurmh_62`,top:`_top_kurmh_68`,name:`_name_kurmh_75`,soft:`_soft_kurmh_79`,left:`_left_kurmh_85`,money:`_money_kurmh_91`};function k(e){return Math.max(0,Math.ceil((Date.parse(e)-x(1))/1e3))}var A=i(),j=h(`
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
`),M={all:null,placed:[`PLACED`],paid:[`PAID`],canceled:[`CANCELED`,`EXPIRED`]};function N(){let r=t(b),[i]=e(),a=i.get(`status`)??`all`,o=Object.hasOwn(M,a)?a:`all`,s=T(`orders ${o}`,{page:20,most:100}),{data:c,problem:l,fetching:u,reload:d}=m(j,{first:s.first,after:s.after,status:M[o]}),f=y(c?.viewer?.orders,c?.viewer),{hasNextPage:h=!1,endCursor:g}=f?.pageInfo??{};s.useCatchUp({count:f?.nodes.length,hasNextPage:h,endCursor:g,settled:!u&&!l});let v=c?.viewer===null&&!f?{code:`UNAUTHENTICATED`}:l;return(0,A.jsxs)(p,{title:r.title,narrow:!0,ready:f!==void 0,children:[f&&(0,A.jsx)(P,{current:o}),f?.nodes.length===0&&!u&&(0,A.jsx)(F,{tab:o}),f&&f.nodes.length>0&&(0,A.jsx)(`ul`,{className:O.list,children:f.nodes.map(e=>(0,A.jsx)(`li`,{children:(0,A.jsx)(I,{order:e})},e.id))}),f&&h&&(0,A.jsx)(n,{busy:u,busyLabel:r.loadingMore,onClick:()=>s.more(g),children:r.more}),v&&(0,A.jsx)(_,{problem:v,onRetry:d}),!f&&!v&&(0,A.jsx)(z,{})]})}function P({current:e}){let n=t(b);return(0,A.jsx)(`nav`,{className:O.tabs,"aria-label":n.tabs.label,children:Object.keys(M).map(t=>(0,A.jsx)(o,{href:t===`all`?`/orders`:`/orders?status=${t}`,"aria-current":t===e?`page`:void 0,children:n.tabs[t]},t))})}function F({tab:e}){let n=t(b);return(0,A.jsx)(l,{title:n.empty[e],children:e===`all`?(0,A.jsx)(r,{href:`/products`,kind:`main`,children:n.browse}):(0,A.jsx)(r,{href:`/orders`,children:n.showAll})})}function I({order:e}){let n=t(b),[r,...i]=e.lines,s=i.length>0?n.others(r?.name??``,i.length):r?.name;return(0,A.jsxs)(o,{href:`/orders/${e.id}`,className:O.card,children:[(0,A.jsxs)(`span`,{className:O.facts,children:[(0,A.jsxs)(`span`,{className:O.top,children:[(0,A.jsx)(L,{order:e}),(0,A.jsx)(`span`,{className:O.soft,children:(0,A.jsx)(S,{at:e.placedAt})})]}),(0,A.jsx)(`b`,{className:O.name,children:s}),(0,A.jsx)(`span`,{className:O.soft,children:n.heading(e.number)}),e.status===`PLACED`&&e.payment?.status!==`WAITING_FOR_DEPOSIT`&&(0,A.jsx)(R,{until:e.expiresAt})]}),(0,A.jsxs)(`span`,{className:O.money,children:[(0,A.jsx)(`b`,{children:(0,A.jsx)(d,{won:e.total})}),e.payment!==null&&e.payment.refundedAmount>0&&(0,A.jsxs)(`span`,{className:O.soft,children:[n.refunded,` `,(0,A.jsx)(d,{won:-e.payment.refundedAmount})]})]}),(0,A.jsx)(a,{})]})}function L({order:{status:e,payment:t}}){switch(t?.status){case`APPROVING`:case`UNKNOWN`:case`WAITING_FOR_DEPOSIT`:case`CANCELING`:case`PARTIALLY_CANCELED`:return(0,A.jsx)(v,{payment:t.status});default:return(0,A.jsx)(v,{order:e})}}function R({until:e}){let n=t(b),{minutes:r}=t(C),i=k(e);return(0,A.jsx)(`span`,{className:O.left,children:i>0?n.payIn(r(Math.floor(i/60),i%60)):n.payOver})}function z(){return(0,A.jsx)(c,{className:O.list,children:[1,2,3].map(e=>(0,A.jsx)(`div`,{className:O.card,children:(0,A.jsxs)(`div`,{className:O.facts,children:[(0,A.jsx)(f,{size:`short`}),(0,A.jsx)(f,{}),(0,A.jsx)(f,{size:`short`})]})},e))})}export{N as default};