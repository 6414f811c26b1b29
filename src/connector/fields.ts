import type { DeclaredField } from './contract.ts';

type FieldWord = DeclaredField['type'] | `${DeclaredField['type']}?`;

/**
 * Declared fields as a table of path to type; `?` behind the type: may be null or absent.
 * @example declareFields({ id: 'text', 'variants[].price': 'decimal?' })
 */
export function declareFields(table: Readonly<Record<string, FieldWord>>): readonly DeclaredField[] {
  return Object.entries(table).map(([path, word]) => {
    const nullable = word.endsWith('?');
    return { path, type: baseType(nullable ? word.slice(0, -1) : word), nullable };
  });
}

const TYPES: readonly DeclaredField['type'][] = [
  'text',
  'integer',
  'decimal',
  'boolean',
  'timestamp',
  'date',
  'json',
  'list',
];

function baseType(word: string): DeclaredField['type'] {
  const type = TYPES.find((known) => known === word);
  if (!type) throw new TypeError(`${word} is no type of a declared field`);
  return type;
}
