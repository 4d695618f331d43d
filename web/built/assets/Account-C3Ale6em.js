import{I as e,L as t,N as n,P as r,R as i,V as a,Z as o,d as s,et as c,h as l,i as u,o as d,tt as f,v as p,x as m,y as h}from"./shop-CNG2RJc0.js";import{n as g,r as _,t as v}from"./Form.module-CLMSqXS_.js";import{r as y}from"./When-hB6I9QQW.js";import{t as b}from"./account-DXlSccX0.js";var x=f(c(),1),S=i(),C=d(`
  query Account {
    viewer {
      id
      email
      createdAt
    }
  }
`),w=d(`
  mutation SignOut {
    signOut {
      ok
    }
  }
`);function T(){let n=e(b),{orders:i}=e(t),a=y(),{data:o,problem:s,reload:c}=u(C,{}),d=o?.viewer;return(0,S.jsx)(l,{title:n.title,narrow:!0,ready:o!==void 0,children:d?(0,S.jsxs)(S.Fragment,{children:[(0,S.jsxs)(`div`,{children:[(0,S.jsx)(`p`,{children:(0,S.jsx)(`b`,{children:d.email})}),(0,S.jsx)(`p`,{className:v.soft,children:n.mine.since(a(d.createdAt,`day`))})]}),(0,S.jsx)(`div`,{className:v.buttons,children:(0,S.jsx)(r,{href:`/orders`,children:i})}),(0,S.jsx)(D,{})]}):(0,S.jsx)(E,{problem:o?{code:`UNAUTHENTICATED`}:s,onRetry:c})})}function E({problem:e,onRetry:t}){return e?(0,S.jsx)(h,{problem:e,onRetry:t}):(0,S.jsx)(p,{})}function D(){let t=e(b),r=_(),[,i]=o(),[c,l]=(0,x.useState)(),[u,d]=g(async()=>{l(void 0);let e=await r(w,{},{asksToSignIn:!1});e.problem&&e.problem.code!==`UNAUTHENTICATED`?l(e.problem):(a(),s(t.mine.signedOut),i(`/`))});return(0,S.jsxs)(`section`,{className:v.section,children:[(0,S.jsx)(`div`,{className:v.buttons,children:(0,S.jsx)(n,{busy:d,busyLabel:t.mine.signingOut,onClick:u,children:t.mine.signOut})}),(0,S.jsx)(`p`,{className:v.soft,children:t.mine.signOutText}),(0,S.jsx)(m,{problem:c})]})}export{T as default};