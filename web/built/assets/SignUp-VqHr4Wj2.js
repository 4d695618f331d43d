import{O as e,P as t,Q as n,St as r,c as i,gt as a,it as o,nt as s,ot as c,rt as l,w as u,xt as d}from"./shop-MF11q8z5.js";import{i as f,r as p}from"./Field-BQauHQwx.js";import{t as m}from"./account-CIGQkGJO.js";import{i as h,n as g,r as _,t as v}from"./CodeField-CSLt2jkC.js";import{i as y,t as b}from"./PasswordField-BNCKg6aK.js";import{n as x,r as S,t as C}from"./useFaults-Bk72ST_d.js";import{n as w,t as T}from"./useNext-DCAwj9kd.js";import{t as E}from"./TestAccounts-CMB3PVZZ.js";var D=r(d(),1),O=o(),k=i(`
  mutation RequestEmailVerification($input: RequestEmailVerificationInput!) {
    requestEmailVerification(input: $input) {
      verificationId
      expiresAt
    }
  }
`),A=i(`
  mutation ConfirmEmailVerification($input: ConfirmEmailVerificationInput!) {
    confirmEmailVerification(input: $input) {
      verificationId
    }
  }
`),j=i(`
  mutation SignUp($input: SignUpInput!) {
    signUp(input: $input) {
      user {
        id
      }
    }
  }
`);function M(){let t=s(m),{signIn:n,signUp:r}=s(l),i=f(),[o,d]=T(),[p,_]=(0,D.useState)(`address`),[v,y]=(0,D.useState)(),[b,x]=(0,D.useState)(!1),C=async e=>{let{data:t,problem:n}=await i(k,{input:{email:e}});return n?{problem:n}:t.requestEmailVerification?{data:t.requestEmailVerification}:{problem:{code:`INTERNAL`}}},A=e=>{y(e),x(!1),_(`code`)};return(0,O.jsx)(e,{title:r,narrow:!0,children:(0,O.jsxs)(`div`,{className:S.card,children:[p===`address`&&(0,O.jsxs)(O.Fragment,{children:[b?(0,O.jsx)(`p`,{role:`alert`,children:t.signUp.lost}):(0,O.jsx)(`p`,{className:S.lead,children:t.signUp.lead}),(0,O.jsx)(h,{email:v?.email??``,request:C,onSent:A})]}),p===`code`&&v&&(0,O.jsxs)(O.Fragment,{children:[(0,O.jsx)(N,{mailed:v,onConfirmed:()=>_(`password`)},v.verificationId),(0,O.jsx)(g,{mailed:v,request:C,onSent:A,onOther:()=>_(`address`)}),(0,O.jsx)(`p`,{className:S.soft,children:t.code.notArrived}),(0,O.jsx)(E,{})]}),p===`password`&&v&&(0,O.jsx)(P,{mailed:v,onLost:()=>{x(!0),_(`address`)},onSignedUp:()=>{c(),u(t.signUp.done),d()}}),p!==`password`&&(0,O.jsx)(`p`,{className:S.links,children:(0,O.jsxs)(`span`,{children:[t.signUp.have,` `,(0,O.jsx)(a,{href:w(`/sign-in`,o),children:n})]})})]})})}function N({mailed:e,onConfirmed:r}){let i=s(m),a=f(),[o,c]=(0,D.useState)(),[l,u]=(0,D.useState)(0),{form:d,faults:h,setFaults:g}=x(),[y,b]=p(async()=>{let t=String(new FormData(d.current).get(`code`));if(c(void 0),g(t.length<6?{code:i.code.need}:{}),t.length<6)return;let n=await a(A,{input:{verificationId:e.verificationId,code:t}});n.data?r():n.problem.code===`INVALID`?(g({code:_(n.problem,l+1,i)}),u(l+1)):c(n.problem)});return(0,O.jsxs)(`form`,{ref:d,noValidate:!0,className:S.form,onSubmit:e=>{e.preventDefault(),y()},children:[(0,O.jsx)(`p`,{role:`status`,children:i.code.sent(e.email)}),(0,O.jsx)(v,{mailed:e,error:h.code,onComplete:()=>setTimeout(()=>d.current?.requestSubmit())}),(0,O.jsx)(t,{problem:o}),(0,O.jsx)(n,{type:`submit`,kind:`main`,wide:!0,busy:b,busyLabel:i.code.confirming,children:i.code.confirm})]})}function P({mailed:e,onLost:r,onSignedUp:i}){let o=s(m),{password:c,signIn:u}=s(l),d=f(),[h,g]=(0,D.useState)(),{form:_,faults:v,setFaults:w}=x(),[T,E]=p(async()=>{let t=String(new FormData(_.current).get(`password`)),n=C({password:y(t,o)});if(g(void 0),w(n??{}),n)return;let a=await d(j,{input:{verificationId:e.verificationId,password:t}});a.data?i():a.problem.field===`password`?w({password:o.oddPassword}):a.problem.field===`verificationId`?r():g(a.problem)});return(0,O.jsxs)(`form`,{ref:_,noValidate:!0,className:S.form,onSubmit:e=>{e.preventDefault(),T()},children:[(0,O.jsx)(`p`,{role:`status`,children:o.signUp.verified(e.email)}),(0,O.jsx)(`input`,{type:`text`,name:`username`,autoComplete:`username`,value:e.email,readOnly:!0,hidden:!0}),(0,O.jsx)(b,{label:c,name:`password`,autoComplete:`new-password`,required:!0,autoFocus:!0,hint:o.passwordRule,error:v.password}),h?.code===`CONFLICT`?(0,O.jsxs)(`p`,{role:`alert`,children:[o.signUp.taken,` `,(0,O.jsx)(a,{href:`/sign-in`,children:u})]}):(0,O.jsx)(t,{problem:h}),(0,O.jsx)(n,{type:`submit`,kind:`main`,wide:!0,busy:E,busyLabel:o.signUp.submitting,children:o.signUp.submit})]})}export{M as default};