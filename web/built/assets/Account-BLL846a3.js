import{$ as e,M as t,O as n,P as r,X as i,Z as a,_t as o,c as s,et as c,gt as l,it as u,j as d,o as f,pt as p,tt as m,w as h}from"./shop-E2mp4V1X.js";import{n as g,t as _}from"./useAction-LnRWIzfW.js";import{n as v}from"./When-Be0b6Plx.js";import{t as y}from"./account-DXlSccX0.js";import{t as b}from"./Form.module-2DrXtEE1.js";var x=o(l(),1),S=m(),C=s(`
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
`);function T(){let t=e(y),{orders:r}=e(c),i=v(),{data:o,problem:s,reload:l}=f(C,{}),u=o?.viewer;return(0,S.jsx)(n,{title:t.title,narrow:!0,ready:o!==void 0,children:u?(0,S.jsxs)(S.Fragment,{children:[(0,S.jsxs)(`div`,{children:[(0,S.jsx)(`p`,{children:(0,S.jsx)(`b`,{children:u.email})}),(0,S.jsx)(`p`,{className:b.soft,children:t.mine.since(i(u.createdAt,`day`))})]}),(0,S.jsx)(`div`,{className:b.buttons,children:(0,S.jsx)(a,{href:`/orders`,children:r})}),(0,S.jsx)(D,{})]}):(0,S.jsx)(E,{problem:o?{code:`UNAUTHENTICATED`}:s,onRetry:l})})}function E({problem:e,onRetry:n}){return e?(0,S.jsx)(t,{problem:e,onRetry:n}):(0,S.jsx)(d,{})}function D(){let t=e(y),n=g(),[,a]=p(),[o,s]=(0,x.useState)(),[c,l]=_(async()=>{s(void 0);let e=await n(w,{},{asksToSignIn:!1});e.problem&&e.problem.code!==`UNAUTHENTICATED`?s(e.problem):(u(),h(t.mine.signedOut),a(`/`))});return(0,S.jsxs)(`section`,{className:b.section,children:[(0,S.jsx)(`div`,{className:b.buttons,children:(0,S.jsx)(i,{busy:l,busyLabel:t.mine.signingOut,onClick:c,children:t.mine.signOut})}),(0,S.jsx)(`p`,{className:b.soft,children:t.mine.signOutText}),(0,S.jsx)(r,{problem:o})]})}export{T as default};