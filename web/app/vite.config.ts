import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

import { licenses } from './build/licenses.ts'
import { pages } from './build/pages.ts'
import { sums } from './build/sums.ts'
import { words } from './build/words.ts'

// The server that `make dev` runs, for `make web-dev` to stand in front of.
const server = `http://${process.env.HTTP_ADDR ?? 'localhost:8080'}`

export default defineConfig({
  plugins: [react(), pages(), words(), licenses(), sums()],
  build: {
    outDir: '../built',
    emptyOutDir: true,
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: ['shop.html'],
      // What the first page needs comes in one request.
      output: { codeSplitting: { groups: [{ name: 'shop', tags: ['$initial'] }] } },
    },
  },
  server: {
    port: 5173,
    strictPort: true,
    proxy: {
      '/graphql': { target: server, ws: true },
      '/payments': server,
      '/dev': server,
      '/playground': server,
      '/docs': server,
      '/schema.graphqls': server,
    },
  },
})
