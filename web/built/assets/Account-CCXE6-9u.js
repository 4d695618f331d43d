import{$ as e,M as t,O as n,P as r,Q as i,St as a,c as o,it as s,j as c,nt as l,o as u,rt as d,st as f,vt as p,w as m,xt as h}from"./shop-MF11q8z5.js";import{i as g,r as _}from"./Field-BQauHQwx.js";import{r as v}from"./When-Bc6McQWm.js";import{t as y}from"./account-CIGQkGJO.js";import{i as b,t as x}from"./PasswordField-BNCKg6aK.js";import{n as S,r as C,t as w}from"./useFaults-Bk72ST_d.js";var T=a(h(),1),E=s(),D=o(`
  mutation ChangePassword($input: ChangePasswordInput!) {
    changePassword(input: $input) {
      user {
        id
      }
    }
  }
`);function O({email:e}){let t=l(y),n=g(),[a,o]=(0,T.useState)(),{form:s,faults:c,setFaults:u}=S(),[d,f]=_(async()=>{let e=new FormData(s.current),r={current:String(e.get(`current`)),password:String(e.get(`password`))},i=w({current:r.current===``&&t.needPassword,password:b(r.password,t)});if(o(void 0),u(i??{}),i)return;let a=await n(D,{input:r});a.data?(s.current?.reset(),m(t.mine.changed)):a.problem.field===`current`?u({current:t.mine.wrong}):a.problem.field===`password`?u({password:t.oddPassword}):o(a.problem)});return(0,E.jsxs)(`section`,{className:C.section,"aria-labelledby":`change-password`,children:[(0,E.jsx)(`h2`,{id:`change-password`,children:t.mine.change}),(0,E.jsxs)(`form`,{ref:s,noValidate:!0,className:`${C.form} ${C.card}`,onSubmit:e=>{e.preventDefault(),d()},children:[(0,E.jsx)(`input`,{type:`text`,name:`username`,autoComplete:`username`,value:e,readOnly:!0,hidden:!0}),(0,E.jsx)(x,{label:t.mine.current,name:`current`,autoComplete:`current-password`,required:!0,error:c.current}),(0,E.jsx)(x,{label:t.mine.next,name:`password`,autoComplete:`new-password`,required:!0,hint:t.passwordRule,error:c.password}),(0,E.jsx)(r,{problem:a}),(0,E.jsx)(`div`,{className:C.buttons,children:(0,E.jsx)(i,{type:`submit`,kind:`main`,busy:f,busyLabel:t.mine.changing,children:t.reset.submit})})]})]})}var k=o(`
  query Account {
    viewer {
      id
      email
      createdAt
    }
  }
`),A=o(`
  mutation SignOut {
    signOut {
      ok
    }
  }
`);function j(){let t=l(y),{orders:r}=l(d),i=v(),{data:a,problem:o,reload:s}=u(k,{}),c=a?.viewer;return(0,E.jsx)(n,{title:t.title,narrow:!0,ready:a!==void 0,children:c?(0,E.jsxs)(E.Fragment,{children:[(0,E.jsxs)(`div`,{children:[(0,E.jsx)(`p`,{children:(0,E.jsx)(`b`,{children:c.email})}),(0,E.jsx)(`p`,{className:C.soft,children:t.mine.since(i(c.createdAt,`day`))})]}),(0,E.jsx)(`div`,{className:C.buttons,children:(0,E.jsx)(e,{href:`/orders`,children:r})}),(0,E.jsx)(O,{email:c.email}),(0,E.jsx)(N,{})]}):(0,E.jsx)(M,{problem:a?{code:`UNAUTHENTICATED`}:o,onRetry:s})})}function M({problem:e,onRetry:n}){return e?(0,E.jsx)(t,{problem:e,onRetry:n}):(0,E.jsx)(c,{})}function N(){let e=l(y),t=g(),[,n]=p(),[a,o]=(0,T.useState)(),[s,c]=_(async()=>{o(void 0);let r=await t(A,{},{asksToSignIn:!1});r.problem&&r.problem.code!==`UNAUTHENTICATED`?o(r.problem):(f(),m(e.mine.signedOut),n(`/`))});return(0,E.jsxs)(`section`,{className:C.section,children:[(0,E.jsx)(`div`,{className:C.buttons,children:(0,E.jsx)(i,{busy:c,busyLabel:e.mine.signingOut,onClick:s,children:e.mine.signOut})}),(0,E.jsx)(`p`,{className:C.soft,children:e.mine.signOutText}),(0,E.jsx)(r,{problem:a})]})}export{j as default};