import '../ui/base.css'

import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

import { rememberScroll } from '../api/navigation'
import { App } from './App'

rememberScroll()
createRoot(document.getElementById('app')!).render(
  <StrictMode>
    <App />
  </StrictMode>,
)
