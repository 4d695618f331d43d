<<<<<<<< HEAD:web/built/assets/SignInForm-Bfr2jaIg.js
import{P as e,Q as t,at as n,bt as r,c as i,nt as a,rt as o,tt as s,xt as c}from"./shop-BdiJ0_Mv.js";import{i as l,r as u,t as d}from"./Field-k8Gn-G2-.js";import{t as f}from"./account-CIGQkGJO.js";import{r as p,t as m}from"./PasswordField-B7JYyMz8.js";import{n as h,r as g,t as _}from"./useFaults-0Cb_wFXm.js";import{n as v}from"./TestAccounts-DxM1yEnP.js";var y=c(r(),1),b=o(),x=i(`
========
import{P as e,Q as t,at as n,bt as r,c as i,nt as a,rt as o,tt as s,xt as c}from"./shop-CuVF16eu.js";import{i as l,r as u,t as d}from"./Field-BBJujdbi.js";import{t as f}from"./account-CIGQkGJO.js";import{r as p,t as m}from"./PasswordField-BNSCisbh.js";import{n as h,r as g,t as _}from"./useFaults-CJhlAvPy.js";import{n as v}from"./TestAccounts-D162SjAg.js";var y=c(r(),1),b=o(),x=i(`
>>>>>>>> 7f86ac3 (web: the gateway's own receipt, and a cart that is named as it is seen):web/built/assets/SignInForm-Dpq6aKt4.js
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      user {
        id
      }
    }
  }
`);function S({email:r=``,onSignedIn:i}){let o=s(a),c=s(f),S=l(),[C,w]=(0,y.useState)(),{form:T,faults:E,setFaults:D}=h(),[O,k]=u(async()=>{let e=new FormData(T.current),t={email:String(e.get(`email`)).trim(),password:String(e.get(`password`))},r=_({email:p(t.email,c),password:t.password?void 0:c.needPassword});if(w(void 0),D(r??{}),r)return;let a=await S(x,{input:t},{asksToSignIn:!1});if(a.data){n(),i();return}let{code:s,field:l}=a.problem;s===`UNAUTHENTICATED`||s===`INVALID`&&l===`password`?D({password:o.wrongPassword}):s===`INVALID`&&l===`email`?D({email:c.notEmail}):w(a.problem)});return(0,b.jsxs)(b.Fragment,{children:[(0,b.jsx)(v,{form:T}),(0,b.jsxs)(`form`,{ref:T,noValidate:!0,className:g.form,onSubmit:e=>{e.preventDefault(),O()},children:[(0,b.jsx)(d,{label:o.email,name:`email`,type:`email`,autoComplete:`username`,required:!0,maxLength:254,defaultValue:r,error:E.email}),(0,b.jsx)(m,{label:o.password,name:`password`,autoComplete:`current-password`,required:!0,error:E.password}),(0,b.jsx)(e,{problem:C}),(0,b.jsx)(t,{type:`submit`,kind:`main`,wide:!0,busy:k,busyLabel:o.signingIn,children:o.signIn})]})]})}export{S as t};