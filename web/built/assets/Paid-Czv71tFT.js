import{A as e,N as t,P as n,at as r,et as i,it as a,j as o,k as s,l as c,rt as l,s as u,yt as d}from"./shop-DWJZ89OO.js";import{t as f}from"./payment-DR0yPjx3.js";import{l as p}from"./state-pJTibbIq.js";import{t as m}from"./PaymentPanel-BGxSsUlu.js";var h={checking:`_checking_cgxr4_1`},g=r(),_=c(`
    query Paid($id: ID!) {
      viewer {
        id
      }
      order(id: $id) {
        ...PanelOrder
      }
    }
  `,[p]);function v(){let{id:e=``}=d(),r=l(f),o=l(a),{data:c,problem:p,reload:h}=u(_,{id:e}),v=c?.order,b=c?.viewer===null?{code:`UNAUTHENTICATED`}:p;return(0,g.jsx)(s,{title:r.title,narrow:!0,ready:c!==void 0,aside:v&&r.orderNumber(v.number),children:v?(0,g.jsx)(m,{order:v,reload:h}):b?(0,g.jsx)(t,{problem:b,onRetry:h}):c?(0,g.jsx)(n,{title:o.notFound,text:o.notFoundText,children:(0,g.jsx)(i,{href:`/orders`,children:r.seeOrders})}):(0,g.jsx)(y,{})})}function y(){let t=l(f);return(0,g.jsxs)(o,{className:h.checking,children:[(0,g.jsx)(`p`,{children:t.checking}),(0,g.jsx)(e,{size:`block`})]})}export{v as default};