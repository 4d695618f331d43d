import{$ as e,M as t,O as n,P as r,Q as i,St as a,_t as o,bt as s,c,j as l,nt as u,o as d,ot as f,rt as p,tt as m,w as h}from"./shop-BTIYtiwy.js";import{n as g,t as _}from"./useAction-zHieqi7U.js";import{r as v}from"./When-BsIrpQez.js";import{t as y}from"./account-DXlSccX0.js";import{t as b}from"./Form.module-2DrXtEE1.js";var x=a(s(),1),S=p(),C=c(`
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
`);function T(){let t=m(y),{orders:r}=m(u),i=v(),{data:a,problem:o,reload:s}=d(C,{}),c=a?.viewer;return(0,S.jsx)(n,{title:t.title,narrow:!0,ready:a!==void 0,children:c?(0,S.jsxs)(S.Fragment,{children:[(0,S.jsxs)(`div`,{children:[(0,S.jsx)(`p`,{children:(0,S.jsx)(`b`,{children:c.email})}),(0,S.jsx)(`p`,{className:b.soft,children:t.mine.since(i(c.createdAt,`day`))})]}),(0,S.jsx)(`div`,{className:b.buttons,children:(0,S.jsx)(e,{href:`/orders`,children:r})}),(0,S.jsx)(D,{})]}):(0,S.jsx)(E,{problem:a?{code:`UNAUTHENTICATED`}:o,onRetry:s})})}function E({problem:e,onRetry:n}){return e?(0,S.jsx)(t,{problem:e,onRetry:n}):(0,S.jsx)(l,{})}function D(){let e=m(y),t=g(),[,n]=o(),[a,s]=(0,x.useState)(),[c,l]=_(async()=>{s(void 0);let r=await t(w,{},{asksToSignIn:!1});r.problem&&r.problem.code!==`UNAUTHENTICATED`?s(r.problem):(f(),h(e.mine.signedOut),n(`/`))});return(0,S.jsxs)(`section`,{className:b.section,children:[(0,S.jsx)(`div`,{className:b.buttons,children:(0,S.jsx)(i,{busy:l,busyLabel:e.mine.signingOut,onClick:c,children:e.mine.signOut})}),(0,S.jsx)(`p`,{className:b.soft,children:e.mine.signOutText}),(0,S.jsx)(r,{problem:a})]})}export{T as default};