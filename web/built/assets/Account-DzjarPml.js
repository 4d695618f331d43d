import{$ as e,M as t,O as n,P as r,Q as i,_t as a,bt as o,c as s,j as c,nt as l,o as u,ot as d,rt as f,tt as p,w as m,xt as h}from"./shop-BvYW-7tw.js";import{n as g,t as _}from"./useAction-Cm75r4zu.js";import{r as v}from"./When-ITah-RhB.js";import{t as y}from"./account-DXlSccX0.js";import{t as b}from"./Form.module-2DrXtEE1.js";var x=h(o(),1),S=f(),C=s(`
  query Account {
    viewer {
      id
      email
      createdAt
    }
  }
`),w=s(`
  mutation SignOut {
    signOut {
      ok
    }
  }
`);function T(){let t=p(y),{orders:r}=p(l),i=v(),{data:a,problem:o,reload:s}=u(C,{}),c=a?.viewer;return(0,S.jsx)(n,{title:t.title,narrow:!0,ready:a!==void 0,children:c?(0,S.jsxs)(S.Fragment,{children:[(0,S.jsxs)(`div`,{children:[(0,S.jsx)(`p`,{children:(0,S.jsx)(`b`,{children:c.email})}),(0,S.jsx)(`p`,{className:b.soft,children:t.mine.since(i(c.createdAt,`day`))})]}),(0,S.jsx)(`div`,{className:b.buttons,children:(0,S.jsx)(e,{href:`/orders`,children:r})}),(0,S.jsx)(D,{})]}):(0,S.jsx)(E,{problem:a?{code:`UNAUTHENTICATED`}:o,onRetry:s})})}function E({problem:e,onRetry:n}){return e?(0,S.jsx)(t,{problem:e,onRetry:n}):(0,S.jsx)(c,{})}function D(){let e=p(y),t=g(),[,n]=a(),[o,s]=(0,x.useState)(),[c,l]=_(async()=>{s(void 0);let r=await t(w,{},{asksToSignIn:!1});r.problem&&r.problem.code!==`UNAUTHENTICATED`?s(r.problem):(d(),m(e.mine.signedOut),n(`/`))});return(0,S.jsxs)(`section`,{className:b.section,children:[(0,S.jsx)(`div`,{className:b.buttons,children:(0,S.jsx)(i,{busy:l,busyLabel:e.mine.signingOut,onClick:c,children:e.mine.signOut})}),(0,S.jsx)(`p`,{className:b.soft,children:e.mine.signOutText}),(0,S.jsx)(r,{problem:o})]})}export{T as default};