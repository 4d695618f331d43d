import{A as e,B as t,C as n,D as r,E as i,O as a,V as o,a as s,y as c}from"./shop-krY21XJj.js";import{n as l,r as u,t as d}from"./Form.module-Cl5n1tkj.js";import{a as f,i as p,l as m,n as h,s as g,t as _}from"./useFaults-DHvAXGNp.js";import{t as v}from"./account-DXlSccX0.js";var y=o(t(),1),b=a(),x=s(`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      user {
        id
      }
    }
  }
`);function S({email:t=``,onSignedIn:a}){let o=i(r),s=i(v),S=u(),[C,w]=(0,y.useState)(),{form:T,faults:E,setFaults:D}=h(),[O,k]=l(async()=>{let t=new FormData(T.current),n={email:String(t.get(`email`)).trim(),password:String(t.get(`password`))},r=_({email:g(n.email,s),password:n.password?void 0:s.needPassword});if(w(void 0),D(r??{}),r)return;let i=await S(x,{input:n},{asksToSignIn:!1});if(i.data){e(),a();return}let{code:c,field:l}=i.problem;c===`UNAUTHENTICATED`||c===`INVALID`&&l===`password`?D({password:o.wrongPassword}):c===`INVALID`&&l===`email`?D({email:s.notEmail}):w(i.problem)});return(0,b.jsxs)(b.Fragment,{children:[(0,b.jsx)(p,{form:T}),(0,b.jsxs)(`form`,{ref:T,noValidate:!0,className:d.form,onSubmit:e=>{e.preventDefault(),O()},children:[(0,b.jsx)(m,{label:o.email,name:`email`,type:`email`,autoComplete:`username`,required:!0,maxLength:254,defaultValue:t,error:E.email}),(0,b.jsx)(f,{label:o.password,name:`password`,autoComplete:`current-password`,required:!0,error:E.password}),(0,b.jsx)(c,{problem:C}),(0,b.jsx)(n,{type:`submit`,kind:`main`,wide:!0,busy:k,busyLabel:o.signingIn,children:o.signIn})]})]})}export{S as t};