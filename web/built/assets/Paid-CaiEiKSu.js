import{$ as e,A as t,M as n,N as r,O as i,c as a,it as o,k as s,nt as c,o as l,rt as u,yt as d}from"./shop-MF11q8z5.js";import{t as f}from"./payment-CVW5NCFl.js";import{l as p}from"./state-CZShqidQ.js";import{t as m}from"./PaymentPanel-PhN1HapP.js";var h={checking:`_checking_cgxr4_1`},g=o(),_=a(`
    query Paid($id: ID!) {
      viewer {
        id
      }
      order(id: $id) {
        ...PanelOrder
      }
    }
  `,[p]);function v(){let{id:t=``}=d(),a=c(f),o=c(u),{data:s,problem:p,reload:h}=l(_,{id:t}),v=s?.order,b=s?.viewer===null?{code:`UNAUTHENTICATED`}:p;return(0,g.jsx)(i,{title:a.title,narrow:!0,ready:s!==void 0,aside:v&&a.orderNumber(v.number),children:v?(0,g.jsx)(m,{order:v,reload:h}):b?(0,g.jsx)(n,{problem:b,onRetry:h}):s?(0,g.jsx)(r,{title:o.notFound,text:o.notFoundText,children:(0,g.jsx)(e,{href:`/orders`,children:a.seeOrders})}):(0,g.jsx)(y,{})})}function y(){let e=c(f);return(0,g.jsxs)(t,{className:h.checking,children:[(0,g.jsx)(`p`,{children:e.checking}),(0,g.jsx)(s,{size:`block`})]})}export{v as default};