import{$ as e,F as t,St as n,at as r,ct as i,gt as a,k as o,l as s,rt as c,xt as l}from"./shop-DWJZ89OO.js";import{i as u,r as d}from"./Field-bFfWJlEb.js";import{t as f}from"./account-DVn2w5Ri.js";import{a as p,i as m,n as h,r as g,t as _}from"./CodeField-BmX9SdnK.js";import{a as v,n as y}from"./PasswordField-CdWN2CJs.js";import{n as b,r as x,t as S}from"./useFaults-Bygqs2DD.js";import{n as C,t as w}from"./useNext-BqIIB05a.js";import{n as T,t as E}from"./NewPassword-CaWldGpS.js";import{t as D}from"./SignInForm-BW-iIi01.js";var O=n(l(),1),k=r(),A=s(`
  mutation RequestPasswordReset($input: RequestPasswordResetInput!) {
    requestPasswordReset(input: $input) {
      verificationId
      expiresAt
    }
  }
`),j=s(`
  mutation ResetPassword($input: ResetPasswordInput!) {
    resetPassword(input: $input) {
      user {
        id
      }
    }
  }
`);function M(){let e=c(f),t=u(),[n,r]=w(),[i,s]=(0,O.useState)(`address`),[l,d]=(0,O.useState)(),g=async e=>m(await t(A,{input:{email:e}}),e=>e.requestPasswordReset),_=e=>{d(e),s(`code`)};return(0,k.jsx)(o,{title:e.reset.title,narrow:!0,children:(0,k.jsxs)(`div`,{className:x.card,children:[i===`address`&&(0,k.jsxs)(k.Fragment,{children:[(0,k.jsx)(`p`,{className:x.lead,children:e.reset.lead}),(0,k.jsx)(p,{email:l?.email??``,request:g,onSent:_})]}),i===`code`&&l&&(0,k.jsxs)(k.Fragment,{children:[(0,k.jsx)(N,{mailed:l,onReset:()=>s(`done`)},l.verificationId),(0,k.jsx)(h,{mailed:l,request:g,onSent:_,onOther:()=>s(`address`),children:e.code.notArrivedReset})]}),i===`done`?(0,k.jsxs)(k.Fragment,{children:[(0,k.jsx)(`p`,{role:`status`,className:x.said,children:e.reset.done}),(0,k.jsx)(D,{email:l?.email??``,onSignedIn:r})]}):(0,k.jsx)(`p`,{className:x.links,children:(0,k.jsx)(a,{href:C(`/sign-in`,n),children:e.reset.back})})]})})}function N({mailed:n,onReset:r}){let a=c(f),o=u(),[s,l]=(0,O.useState)(),[p,m]=(0,O.useState)(0),{form:h,faults:x,setFaults:C}=b(),[w,D]=d(async()=>{let e=new FormData(h.current),[t,s]=[String(e.get(`code`)),String(e.get(`password`))],c=S({code:t.length<6&&a.code.need,password:v(s,a)});if(l(void 0),C(c??{}),c)return;let u=await o(j,{input:{verificationId:n.verificationId,code:t,password:s}});u.data?(i(),r()):u.problem.field===`password`?C({password:a.oddPassword}):u.problem.code===`INVALID`?(C({code:g(u.problem,p+1,a)}),m(p+1)):l(u.problem)});return(0,k.jsxs)(y,{form:h,onSubmit:w,children:[(0,k.jsx)(`p`,{role:`status`,children:a.code.sent(n.email)}),(0,k.jsx)(T,{email:n.email}),(0,k.jsx)(_,{mailed:n,error:x.code}),(0,k.jsx)(E,{label:a.reset.password,error:x.password}),(0,k.jsx)(t,{problem:s}),(0,k.jsx)(e,{type:`submit`,kind:`main`,wide:!0,busy:D,busyLabel:a.mine.changing,children:a.reset.submit})]})}export{M as default};