import type { Json } from '../../connector/contract.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

function pick(entry: Json, column: string | undefined, value: string): Json | Fault {
  if (column === undefined) return entry;
  if (entry === null || typeof entry !== 'object' || Array.isArray(entry) || !Object.hasOwn(entry, column)) {
    return new Fault('not-in-table', `has no "${column}" in the table`, value);
  }
  return entry[column] ?? null;
}

export const lookup = defineFunction({
  name: 'lookup',
  group: 'logic',
  about: 'Looks a value up in a table of this file. The table says what becomes of values it does not have.',
  input: 'text',
  output: 'any',
  args: [
    { name: 'table', kind: 'table', about: 'name of the table' },
    { name: 'column', kind: 'text', about: 'which value of an entry that has several', optional: true },
  ],
  // Needs a table; docs/mapping.md has one.
  examples: [],
  run: (value, table, column) => {
    const entry = table.entries.get(table.ignoreCase ? value.toLowerCase() : value);
    if (entry !== undefined) return pick(entry.value, column, value);
    if (table.otherwise?.kind === 'value') return table.otherwise.value;
    if (table.otherwise?.kind === 'keep') return value;
    return new Fault('not-in-table', `is not in the table "${table.name}"`, value);
  },
});
