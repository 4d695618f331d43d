import { mapExchange, type Exchange } from '@urql/core'

type Record = { [key: string]: unknown }

/**
 * Keeps an older answer from replacing a newer one: a query that was under way while the socket told of version 5 may
 * still carry version 4. Whatever has an id and a version is compared, and what is newer shines through.
 */
export function versionsExchange(): Exchange {
  const newest = new Map<string, Record>()

  function settle(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(settle)
    if (typeof value !== 'object' || value === null) return value
    const settled: Record = {}
    for (const [name, inner] of Object.entries(value)) settled[name] = settle(inner)
    return isVersioned(settled) ? newer(settled) : settled
  }

  function newer(record: Versioned): Record {
    const known = newest.get(record.id)
    if (known && (known.version as number) > record.version) return { ...record, ...pick(known, Object.keys(record)) }
    newest.set(record.id, known?.version === record.version ? { ...known, ...record } : record)
    return record
  }

  return mapExchange({ onResult: (result) => (result.data ? { ...result, data: settle(result.data) } : result) })
}

type Versioned = Record & { id: string; version: number }

function isVersioned(record: Record): record is Versioned {
  return typeof record.id === 'string' && typeof record.version === 'number'
}

function pick(record: Record, names: string[]): Record {
  return Object.fromEntries(names.filter((name) => name in record).map((name) => [name, record[name]]))
}
