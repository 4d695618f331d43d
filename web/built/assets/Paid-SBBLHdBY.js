import{$ as e,A as t,M as n,N as r,O as i,c as a,k as o,nt as s,o as c,rt as l,tt as u,vt as d}from"./shop-CEjETmDf.js";import{t as f}from"./payment-DBKiAWyD.js";import{l as p}from"./state-CDBPVFx9.js";import{t as m}from"./PaymentPanel-fCOOeGUH.js";var h={checking:`_checking_cgxr4_1`},g=l(),_=a(`
    query Paid($id: ID!) {
      viewer {
        id
      }
      order(id: $id) {
        ...PanelOrder
      }
    }
  `,[p]);function v(){let{id:t=``}=d(),a=u(f),o=u(s),{data:l,problem:p,reload:h}=c(_,{id:t}),v=l?.order,b=l?.viewer===null?{code:`UNAUTHENTICATED`}:p;return(0,g.jsx)(i,{title:a.title,narrow:!0,ready:l!==void 0,aside:v&&a.orderNumber(v.number),children:v?(0,g.jsx)(m,{order:v,reload:h}):b?(0,g.jsx)(n,{problem:b,onRetry:h}):l?(0,g.jsx)(r,{title:o.notFound,text:o.notFoundText,children:(0,g.jsx)(e,{href:`/orders`,children:a.seeOrders})}):(0,g.jsx)(y,{})})}function y(){let e=u(f);return(0,g.jsxs)(t,{className:h.checking,children:[(0,g.jsx)(`p`,{children:e.checking}),(0,g.jsx)(o,{size:`block`})]})}export{v as default};