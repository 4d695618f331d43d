import{B as e,C as t,D as n,E as r,L as i,O as a,V as o,_ as s,a as c,g as l,i as u,j as d,p as f,u as p,w as m,y as h}from"./shop-krY21XJj.js";import{n as g,r as _,t as v}from"./Form.module-Cl5n1tkj.js";import{n as y}from"./When-DbQGkIAG.js";import{t as b}from"./account-DXlSccX0.js";var x=o(e(),1),S=a(),C=c(`
  query Account {
    viewer {
      id
      email
      createdAt
    }
  }
`),w=c(`
  mutation SignOut {
    signOut {
      ok
    }
  }
`);function T(){let e=r(b),{orders:t}=r(n),i=y(),{data:a,problem:o,reload:s}=u(C,{}),c=a?.viewer;return(0,S.jsx)(f,{title:e.title,narrow:!0,ready:a!==void 0,children:c?(0,S.jsxs)(S.Fragment,{children:[(0,S.jsxs)(`div`,{children:[(0,S.jsx)(`p`,{children:(0,S.jsx)(`b`,{children:c.email})}),(0,S.jsx)(`p`,{className:v.soft,children:e.mine.since(i(c.createdAt,`day`))})]}),(0,S.jsx)(`div`,{className:v.buttons,children:(0,S.jsx)(m,{href:`/orders`,children:t})}),(0,S.jsx)(D,{})]}):(0,S.jsx)(E,{problem:a?{code:`UNAUTHENTICATED`}:o,onRetry:s})})}function E({problem:e,onRetry:t}){return e?(0,S.jsx)(s,{problem:e,onRetry:t}):(0,S.jsx)(l,{})}function D(){let e=r(b),n=_(),[,a]=i(),[o,s]=(0,x.useState)(),[c,l]=g(async()=>{s(void 0);let t=await n(w,{},{asksToSignIn:!1});t.problem&&t.problem.code!==`UNAUTHENTICATED`?s(t.problem):(d(),p(e.mine.signedOut),a(`/`))});return(0,S.jsxs)(`section`,{className:v.section,children:[(0,S.jsx)(`div`,{className:v.buttons,children:(0,S.jsx)(t,{busy:l,busyLabel:e.mine.signingOut,onClick:c,children:e.mine.signOut})}),(0,S.jsx)(`p`,{className:v.soft,children:e.mine.signOutText}),(0,S.jsx)(h,{problem:o})]})}export{T as default};