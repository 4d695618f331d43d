import{B as e,I as t,L as n,N as r,R as i,et as a,o,tt as s,x as c}from"./shop-CNG2RJc0.js";import{n as l,r as u,t as d}from"./Form.module-CLMSqXS_.js";import{n as f,r as p,t as m}from"./useFaults-CmuAzCLG.js";import{t as h}from"./account-DXlSccX0.js";import{a as g,n as _,r as v}from"./TestAccounts-DNPZIhic.js";var y=s(a(),1),b=i(),x=o(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      user {
        id
      }
    }
  }
`);function S({email:i=``,onSignedIn:a}){let o=t(n),s=t(h),S=u(),[C,w]=(0,y.useState)(),{form:T,faults:E,setFaults:D}=f(),[O,k]=l(async()=>{let t=new FormData(T.current),n={email:String(t.get(`email`)).trim(),password:String(t.get(`password`))},r=m({email:g(n.email,s),password:n.password?void 0:s.needPassword});if(w(void 0),D(r??{}),r)return;let i=await S(x,{input:n},{asksToSignIn:!1});if(i.data){e(),a();return}let{code:c,field:l}=i.problem;c===`UNAUTHENTICATED`||c===`INVALID`&&l===`password`?D({password:o.wrongPassword}):c===`INVALID`&&l===`email`?D({email:s.notEmail}):w(i.problem)});return(0,b.jsxs)(b.Fragment,{children:[(0,b.jsx)(_,{form:T}),(0,b.jsxs)(`form`,{ref:T,noValidate:!0,className:d.form,onSubmit:e=>{e.preventDefault(),O()},children:[(0,b.jsx)(p,{label:o.email,name:`email`,type:`email`,autoComplete:`username`,required:!0,maxLength:254,defaultValue:i,error:E.email}),(0,b.jsx)(v,{label:o.password,name:`password`,autoComplete:`current-password`,required:!0,error:E.password}),(0,b.jsx)(c,{problem:C}),(0,b.jsx)(r,{type:`submit`,kind:`main`,wide:!0,busy:k,busyLabel:o.signingIn,children:o.signIn})]})]})}export{S as t};