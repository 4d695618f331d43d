import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import type { Plugin } from 'vite'

const app = join(import.meta.dirname, '..')
const repository = join(app, '../..')

/**
 * Writes SOURCES.sum: the SHA-256 of everything that the built files are made of, in the form of sha256sum. A Go test
 * compares it with the sources, so that built files which are behind them are noticed without Node.
 */
export function sums(): Plugin {
  return {
    name: 'sums',
    apply: 'build',
    writeBundle({ dir = '' }) {
      const files = [...filesUnder(app), join(repository, 'schema.graphqls')]
      const lines = files.map((file) => `${sum(file)}  ${relative(repository, file).split(sep).join('/')}\n`)
      writeFileSync(join(dir, 'SOURCES.sum'), lines.join(''))
    },
  }
}

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? filesUnder(path) : [path]
    })
}

function sum(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}
