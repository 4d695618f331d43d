<<<<<<<< HEAD:web/built/assets/Paid-BrHZS20o.js
import{$ as e,A as t,M as n,N as r,O as i,c as a,k as o,nt as s,o as c,rt as l,tt as u,vt as d}from"./shop-BdiJ0_Mv.js";import{t as f}from"./payment-DBKiAWyD.js";import{c as p}from"./state-K1FaYcww.js";import{t as m}from"./PaymentPanel-Bz2I7yal.js";var h={checking:`_checking_cgxr4_1`},g=l(),_=a(`
========
import{$ as e,A as t,M as n,N as r,O as i,c as a,k as o,nt as s,o as c,rt as l,tt as u,vt as d}from"./shop-CuVF16eu.js";import{t as f}from"./payment-DBKiAWyD.js";import{c as p}from"./state-rPxWlP7h.js";import{t as m}from"./PaymentPanel-DOPE-9US.js";var h={checking:`_checking_cgxr4_1`},g=l(),_=a(`
>>>>>>>> 7f86ac3 (web: the gateway's own receipt, and a cart that is named as it is seen):web/built/assets/Paid-CYNg-4ZG.js
    query Paid($id: ID!) {
      order(id: $id) {
        ...PanelOrder
      }
    }
  `,[p]);function v(){let{id:t=``}=d(),a=u(f),o=u(s),{data:l,problem:p,reload:h}=c(_,{id:t}),v=l?.order;return(0,g.jsx)(i,{title:a.title,narrow:!0,ready:l!==void 0,aside:v&&a.orderNumber(v.number),children:v?(0,g.jsx)(m,{order:v,reload:h}):p?(0,g.jsx)(n,{problem:p,onRetry:h}):l?(0,g.jsx)(r,{title:o.notFound,text:o.notFoundText,children:(0,g.jsx)(e,{href:`/orders`,children:a.seeOrders})}):(0,g.jsx)(y,{})})}function y(){let e=u(f);return(0,g.jsxs)(t,{className:h.checking,children:[(0,g.jsx)(`p`,{children:e.checking}),(0,g.jsx)(o,{size:`block`})]})}export{v as default};