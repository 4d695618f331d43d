import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { runnerImport, type Plugin } from 'vite'

const folder = join(import.meta.dirname, '../src/words')

/** Refuses to build when a sentence is the same in both languages, or an English one holds Hangul. */
export function words(): Plugin {
  return {
    name: 'words',
    apply: 'build',
    async buildStart() {
      for (const file of readdirSync(join(folder, 'ko'))) {
        const [ko, en] = await Promise.all(['ko', 'en'].map((language) => sentences(join(folder, language, file))))
        for (const [key, sentence] of en!) {
          if (sentence === ko!.get(key)) this.error(`words: ${key} of ${file} is the same in both languages`)
          if (/\p{Script=Hangul}/u.test(sentence)) this.error(`words: ${key} of en/${file} holds Hangul`)
        }
      }
    },
  }
}

async function sentences(file: string): Promise<Map<string, string>> {
  const { module } = await runnerImport<{ default: object }>(file)
  return new Map(flatten('', module.default))
}

function flatten(path: string, value: unknown): [string, string][] {
  if (typeof value !== 'object' || value === null) return [[path, String(value)]]
  return Object.entries(value).flatMap(([key, inner]) => flatten(path ? `${path}.${key}` : key, inner))
}
