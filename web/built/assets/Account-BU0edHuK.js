import{$ as e,F as t,M as n,N as r,St as i,T as a,at as o,ct as s,et as c,it as l,k as u,l as d,rt as f,s as p,vt as m,xt as h}from"./shop-DWJZ89OO.js";import{i as g,r as _}from"./Field-bFfWJlEb.js";import{r as v}from"./When-Gaj2lH_B.js";import{t as y}from"./account-DVn2w5Ri.js";import{a as b,n as x,t as S}from"./PasswordField-CdWN2CJs.js";import{n as C,r as w,t as T}from"./useFaults-Bygqs2DD.js";import{n as E,t as D}from"./NewPassword-CaWldGpS.js";var O=i(h(),1),k=o(),A=d(`
  mutation ChangePassword($input: ChangePasswordInput!) {
    changePassword(input: $input) {
      user {
        id
      }
    }
  }
`);function j({email:n}){let r=f(y),i=g(),[o,s]=(0,O.useState)(),{form:c,faults:l,setFaults:u}=C(),[d,p]=_(async()=>{let e=new FormData(c.current),t={current:String(e.get(`current`)),password:String(e.get(`password`))},n=T({current:t.current===``&&r.needPassword,password:b(t.password,r)});if(s(void 0),u(n??{}),n)return;let o=await i(A,{input:t});o.data?(c.current?.reset(),a(r.mine.changed)):o.problem.field===`current`?u({current:r.mine.wrong}):o.problem.field===`password`?u({password:r.oddPassword}):s(o.problem)});return(0,k.jsxs)(`section`,{className:w.section,"aria-labelledby":`change-password`,children:[(0,k.jsx)(`h2`,{id:`change-password`,children:r.mine.change}),(0,k.jsxs)(x,{form:c,card:!0,onSubmit:d,children:[(0,k.jsx)(E,{email:n}),(0,k.jsx)(S,{label:r.mine.current,name:`current`,autoComplete:`current-password`,required:!0,error:l.current}),(0,k.jsx)(D,{label:r.mine.next,error:l.password}),(0,k.jsx)(t,{problem:o}),(0,k.jsx)(`div`,{className:w.buttons,children:(0,k.jsx)(e,{type:`submit`,kind:`main`,busy:p,busyLabel:r.mine.changing,children:r.reset.submit})})]})]})}var M=d(`
  query Account {
    viewer {
      id
      email
      createdAt
    }
  }
`),N=d(`
  mutation SignOut {
    signOut {
      ok
    }
  }
`);function P(){let e=f(y),{orders:t}=f(l),n=v(),{data:r,problem:i,reload:a}=p(M,{}),o=r?.viewer;return(0,k.jsx)(u,{title:e.title,narrow:!0,ready:r!==void 0,children:o?(0,k.jsxs)(k.Fragment,{children:[(0,k.jsxs)(`div`,{children:[(0,k.jsx)(`p`,{children:(0,k.jsx)(`b`,{children:o.email})}),(0,k.jsx)(`p`,{className:w.soft,children:e.mine.since(n(o.createdAt,`day`))})]}),(0,k.jsx)(`div`,{className:w.buttons,children:(0,k.jsx)(c,{href:`/orders`,children:t})}),(0,k.jsx)(j,{email:o.email}),(0,k.jsx)(I,{})]}):(0,k.jsx)(F,{problem:r?{code:`UNAUTHENTICATED`}:i,onRetry:a})})}function F({problem:e,onRetry:t}){return e?(0,k.jsx)(r,{problem:e,onRetry:t}):(0,k.jsx)(n,{})}function I(){let n=f(y),r=g(),[,i]=m(),[o,c]=(0,O.useState)(),[l,u]=_(async()=>{c(void 0);let e=await r(N,{},{asksToSignIn:!1});e.problem&&e.problem.code!==`UNAUTHENTICATED`?c(e.problem):(s(),a(n.mine.signedOut),i(`/`))});return(0,k.jsxs)(`section`,{className:w.section,children:[(0,k.jsx)(`div`,{className:w.buttons,children:(0,k.jsx)(e,{busy:u,busyLabel:n.mine.signingOut,onClick:l,children:n.mine.signOut})}),(0,k.jsx)(`p`,{className:w.soft,children:n.mine.signOutText}),(0,k.jsx)(t,{problem:o})]})}export{P as default};