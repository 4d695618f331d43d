import type { Plugin } from 'vite'

/** In development, serves the app's page under each of its paths, as the Go server does. */
export function pages(): Plugin {
  return {
    name: 'pages',
    configureServer(server) {
      const proxied = Object.keys(server.config.server.proxy ?? {})
      server.middlewares.use((request, _, next) => {
        const path = request.url ?? '/'
        const wantsPage = request.method === 'GET' && request.headers.accept?.includes('text/html')
        if (wantsPage && !proxied.some((prefix) => path.startsWith(prefix))) request.url = '/shop.html'
        next()
      })
    },
  }
}
