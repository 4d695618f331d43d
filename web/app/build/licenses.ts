import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Plugin } from 'vite'

/** Writes LICENSES.md: the licence of every package that something of was bundled. */
export function licenses(): Plugin {
  return {
    name: 'licenses',
    apply: 'build',
    generateBundle(_, bundle) {
      const folders = new Set<string>()
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue
        for (const module of chunk.moduleIds) {
          const folder = packageOf(module)
          if (folder) folders.add(folder)
        }
      }
      const texts = [...folders].map(licenseOf).sort()
      const head = '# Licenses\n\nWhat the built files contain of other people’s work.\n'
      this.emitFile({ type: 'asset', fileName: 'LICENSES.md', source: head + texts.join('') })
    },
  }
}

function packageOf(module: string): string | undefined {
  if (!module.includes('node_modules')) return undefined
  for (let folder = dirname(module.replace(/^\0/, '')); folder.includes('node_modules'); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version) return folder
  }
  throw new Error(`${module} belongs to no package`)
}

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : ''
  return `\n## ${name} ${version}\n\n${license}\n${text ? `\n${text.replace(/^/gm, '    ').replace(/[ \r]+$/gm, '')}\n` : ''}`
}
