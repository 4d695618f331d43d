import{$ as e,F as t,St as n,T as r,at as i,gt as a,it as o,k as s,l as c,rt as l,st as u,xt as d}from"./shop-DWJZ89OO.js";import{i as f,r as p}from"./Field-bFfWJlEb.js";import{t as m}from"./account-DVn2w5Ri.js";import{a as h,i as g,n as _,r as v,t as y}from"./CodeField-BmX9SdnK.js";import{a as b,n as x}from"./PasswordField-CdWN2CJs.js";import{n as S,r as C,t as w}from"./useFaults-Bygqs2DD.js";import{n as T,t as E}from"./useNext-BqIIB05a.js";import{n as D,t as O}from"./NewPassword-CaWldGpS.js";var k=n(d(),1),A=i(),j=c(`
  mutation RequestEmailVerification($input: RequestEmailVerificationInput!) {
    requestEmailVerification(input: $input) {
      verificationId
      expiresAt
    }
  }
`),M=c(`
  mutation ConfirmEmailVerification($input: ConfirmEmailVerificationInput!) {
    confirmEmailVerification(input: $input) {
      verificationId
    }
  }
`),N=c(`
  mutation SignUp($input: SignUpInput!) {
    signUp(input: $input) {
      user {
        id
      }
    }
  }
`);function P(){let e=l(m),{signIn:t,signUp:n}=l(o),i=f(),[c,d]=E(),[p,v]=(0,k.useState)(`address`),[y,b]=(0,k.useState)(),[x,S]=(0,k.useState)(!1),w=async e=>g(await i(j,{input:{email:e}}),e=>e.requestEmailVerification),D=e=>{b(e),S(!1),v(`code`)};return(0,A.jsx)(s,{title:n,narrow:!0,children:(0,A.jsxs)(`div`,{className:C.card,children:[p===`address`&&(0,A.jsxs)(A.Fragment,{children:[x?(0,A.jsx)(`p`,{role:`alert`,children:e.signUp.lost}):(0,A.jsx)(`p`,{className:C.lead,children:e.signUp.lead}),(0,A.jsx)(h,{email:y?.email??``,request:w,onSent:D})]}),p===`code`&&y&&(0,A.jsxs)(A.Fragment,{children:[(0,A.jsx)(F,{mailed:y,onConfirmed:()=>v(`password`)},y.verificationId),(0,A.jsx)(_,{mailed:y,request:w,onSent:D,onOther:()=>v(`address`),children:e.code.notArrived})]}),p===`password`&&y&&(0,A.jsx)(I,{mailed:y,onLost:()=>{S(!0),v(`address`)},onSignedUp:()=>{u(),r(e.signUp.done),d()}}),p!==`password`&&(0,A.jsx)(`p`,{className:C.links,children:(0,A.jsxs)(`span`,{children:[e.signUp.have,` `,(0,A.jsx)(a,{href:T(`/sign-in`,c),children:t})]})})]})})}function F({mailed:n,onConfirmed:r}){let i=l(m),a=f(),[o,s]=(0,k.useState)(),[c,u]=(0,k.useState)(0),{form:d,faults:h,setFaults:g}=S(),[_,b]=p(async()=>{let e=String(new FormData(d.current).get(`code`));if(s(void 0),g(e.length<6?{code:i.code.need}:{}),e.length<6)return;let t=await a(M,{input:{verificationId:n.verificationId,code:e}});t.data?r():t.problem.code===`INVALID`?(g({code:v(t.problem,c+1,i)}),u(c+1)):s(t.problem)});return(0,A.jsxs)(x,{form:d,onSubmit:_,children:[(0,A.jsx)(`p`,{role:`status`,children:i.code.sent(n.email)}),(0,A.jsx)(y,{mailed:n,error:h.code,onComplete:()=>setTimeout(()=>d.current?.requestSubmit())}),(0,A.jsx)(t,{problem:o}),(0,A.jsx)(e,{type:`submit`,kind:`main`,wide:!0,busy:b,busyLabel:i.code.confirming,children:i.code.confirm})]})}function I({mailed:n,onLost:r,onSignedUp:i}){let s=l(m),{password:c,signIn:u}=l(o),d=f(),[h,g]=(0,k.useState)(),{form:_,faults:v,setFaults:y}=S(),[C,T]=p(async()=>{let e=String(new FormData(_.current).get(`password`)),t=w({password:b(e,s)});if(g(void 0),y(t??{}),t)return;let a=await d(N,{input:{verificationId:n.verificationId,password:e}});a.data?i():a.problem.field===`password`?y({password:s.oddPassword}):a.problem.field===`verificationId`?r():g(a.problem)});return(0,A.jsxs)(x,{form:_,onSubmit:C,children:[(0,A.jsx)(`p`,{role:`status`,children:s.signUp.verified(n.email)}),(0,A.jsx)(D,{email:n.email}),(0,A.jsx)(O,{label:c,error:v.password,autoFocus:!0}),h?.code===`CONFLICT`?(0,A.jsxs)(`p`,{role:`alert`,children:[s.signUp.taken,` `,(0,A.jsx)(a,{href:`/sign-in`,children:u})]}):(0,A.jsx)(t,{problem:h}),(0,A.jsx)(e,{type:`submit`,kind:`main`,wide:!0,busy:T,busyLabel:s.signUp.submitting,children:s.signUp.submit})]})}export{P as default};