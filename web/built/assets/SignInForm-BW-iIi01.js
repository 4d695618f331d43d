import{$ as e,F as t,St as n,at as r,it as i,l as a,rt as o,st as s,xt as c}from"./shop-DWJZ89OO.js";import{i as l,r as u,t as d}from"./Field-bFfWJlEb.js";import{t as f}from"./account-DVn2w5Ri.js";import{i as p,n as m,t as h}from"./PasswordField-CdWN2CJs.js";import{n as g}from"./TestAccounts-CiP4Qx49.js";import{n as _,t as v}from"./useFaults-Bygqs2DD.js";var y=n(c(),1),b=r(),x=a(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      user {
        id
      }
    }
  }
`);function S({email:n=``,onSignedIn:r}){let a=o(i),c=o(f),S=l(),[C,w]=(0,y.useState)(),{form:T,faults:E,setFaults:D}=_(),[O,k]=u(async()=>{let e=new FormData(T.current),t={email:String(e.get(`email`)).trim(),password:String(e.get(`password`))},n=v({email:p(t.email,c),password:t.password?void 0:c.needPassword});if(w(void 0),D(n??{}),n)return;let i=await S(x,{input:t},{asksToSignIn:!1});if(i.data){s(),r();return}let{code:o,field:l}=i.problem;o===`UNAUTHENTICATED`||o===`INVALID`&&l===`password`?D({password:a.wrongPassword}):o===`INVALID`&&l===`email`?D({email:c.notEmail}):w(i.problem)});return(0,b.jsxs)(b.Fragment,{children:[(0,b.jsx)(g,{form:T}),(0,b.jsxs)(m,{form:T,onSubmit:O,children:[(0,b.jsx)(d,{label:a.email,name:`email`,type:`email`,autoComplete:`username`,required:!0,maxLength:254,defaultValue:n,error:E.email}),(0,b.jsx)(h,{label:a.password,name:`password`,autoComplete:`current-password`,required:!0,error:E.password}),(0,b.jsx)(t,{problem:C}),(0,b.jsx)(e,{type:`submit`,kind:`main`,wide:!0,busy:k,busyLabel:a.signingIn,children:a.signIn})]})]})}export{S as t};