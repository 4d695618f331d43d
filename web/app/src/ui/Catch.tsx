import { Component, type ReactNode } from 'react'

import { ErrorPanel } from './Problem'

/** Keeps a screen that breaks from taking the rest of the page with it. */
export class Catch extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false }

  static getDerivedStateFromError() {
    return { broken: true }
  }

  override render() {
    if (!this.state.broken) return this.props.children
    return <ErrorPanel problem={{ code: 'INTERNAL' }} onRetry={() => location.reload()} />
  }
}
