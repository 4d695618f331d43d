import{$ as e,A as t,E as n,H as r,N as i,P as a,at as o,bt as s,et as c,gt as l,j as u,k as d,l as f,o as p,rt as m,s as h}from"./shop-DWJZ89OO.js";import{n as g,t as _}from"./orders-CmfWv0PV.js";import{t as v}from"./Status-DpuVlzmI.js";import{n as y,t as b}from"./When-Gaj2lH_B.js";import{t as x}from"./account-DVn2w5Ri.js";var S={tabs:`_tabs_kurmh_1`,list:`_list_kurmh_33`,card:`_card_kurmh_38`,facts:`_facts_kurmh_62`,top:`_top_kurmh_68`,name:`_name_kurmh_75`,soft:`_soft_kurmh_79`,left:`_left_kurmh_85`,money:`_money_kurmh_91`};function C(e){return Math.max(0,Math.ceil((Date.parse(e)-y(1))/1e3))}var w=o(),T=f(`
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
`),E={all:null,placed:[`PLACED`],paid:[`PAID`],canceled:[`CANCELED`,`EXPIRED`]};function D(){let t=m(_),[n]=s(),r=n.get(`status`)??`all`,a=Object.hasOwn(E,r)?r:`all`,o=p(`orders ${a}`,{page:20,most:100}),{data:c,problem:l,fetching:u,reload:f}=h(T,{first:o.first,after:o.after,status:E[a]}),v=g(c?.viewer?.orders,c?.viewer),{hasNextPage:y=!1,endCursor:b}=v?.pageInfo??{};o.useCatchUp({count:v?.nodes.length,hasNextPage:y,endCursor:b,settled:!u&&!l});let x=c?.viewer===null&&!v?{code:`UNAUTHENTICATED`}:l;return(0,w.jsxs)(d,{title:t.title,narrow:!0,ready:v!==void 0,children:[v&&(0,w.jsx)(O,{current:a}),v?.nodes.length===0&&!u&&(0,w.jsx)(k,{tab:a}),v&&v.nodes.length>0&&(0,w.jsx)(`ul`,{className:S.list,children:v.nodes.map(e=>(0,w.jsx)(`li`,{children:(0,w.jsx)(A,{order:e})},e.id))}),v&&y&&(0,w.jsx)(e,{busy:u,busyLabel:t.loadingMore,onClick:()=>o.more(b),children:t.more}),x&&(0,w.jsx)(i,{problem:x,onRetry:f}),!v&&!x&&(0,w.jsx)(N,{})]})}function O({current:e}){let t=m(_);return(0,w.jsx)(`nav`,{className:S.tabs,"aria-label":t.tabs.label,children:Object.keys(E).map(n=>(0,w.jsx)(l,{href:n===`all`?`/orders`:`/orders?status=${n}`,"aria-current":n===e?`page`:void 0,children:t.tabs[n]},n))})}function k({tab:e}){let t=m(_);return(0,w.jsx)(a,{title:t.empty[e],children:e===`all`?(0,w.jsx)(c,{href:`/products`,kind:`main`,children:t.browse}):(0,w.jsx)(c,{href:`/orders`,children:t.showAll})})}function A({order:e}){let t=m(_),[i,...a]=e.lines,o=a.length>0?t.others(i?.name??``,a.length):i?.name;return(0,w.jsxs)(l,{href:`/orders/${e.id}`,className:S.card,children:[(0,w.jsxs)(`span`,{className:S.facts,children:[(0,w.jsxs)(`span`,{className:S.top,children:[(0,w.jsx)(j,{order:e}),(0,w.jsx)(`span`,{className:S.soft,children:(0,w.jsx)(b,{at:e.placedAt})})]}),(0,w.jsx)(`b`,{className:S.name,children:o}),(0,w.jsx)(`span`,{className:S.soft,children:t.heading(e.number)}),e.status===`PLACED`&&e.payment?.status!==`WAITING_FOR_DEPOSIT`&&(0,w.jsx)(M,{until:e.expiresAt})]}),(0,w.jsxs)(`span`,{className:S.money,children:[(0,w.jsx)(`b`,{children:(0,w.jsx)(n,{won:e.total})}),e.payment!==null&&e.payment.refundedAmount>0&&(0,w.jsxs)(`span`,{className:S.soft,children:[t.refunded,` `,(0,w.jsx)(n,{won:-e.payment.refundedAmount})]})]}),(0,w.jsx)(r,{})]})}function j({order:{status:e,payment:t}}){switch(t?.status){case`APPROVING`:case`UNKNOWN`:case`WAITING_FOR_DEPOSIT`:case`CANCELING`:case`PARTIALLY_CANCELED`:return(0,w.jsx)(v,{payment:t.status});default:return(0,w.jsx)(v,{order:e})}}function M({until:e}){let t=m(_),{minutes:n}=m(x),r=C(e);return(0,w.jsx)(`span`,{className:S.left,children:r>0?t.payIn(n(Math.floor(r/60),r%60)):t.payOver})}function N(){return(0,w.jsx)(u,{className:S.list,children:[1,2,3].map(e=>(0,w.jsx)(`div`,{className:S.card,children:(0,w.jsxs)(`div`,{className:S.facts,children:[(0,w.jsx)(t,{size:`short`}),(0,w.jsx)(t,{}),(0,w.jsx)(t,{size:`short`})]})},e))})}export{D as default};