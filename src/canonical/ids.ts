import { ENTITIES, type EntityName } from './entities.ts';

/**
 * Ids are numbers below 2^53 taken in ascending blocks from one database sequence, so that they sort by time and are
 * unique across processes. Outside they carry the prefix of what they name: `prod_0000003k7`.
 */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const WIDTH = 11;

const PREFIXES = { run: 'run', page: 'page', deadLetter: 'dl', key: 'key', reservation: 'res', event: 'evt' } as const;
type Named = EntityName | keyof typeof PREFIXES;

const prefixOf = (of: Named): string =>
  of in ENTITIES ? ENTITIES[of as EntityName].prefix : PREFIXES[of as keyof typeof PREFIXES];

/** The public form of an id. */
export function publicId(of: Named, id: number): string {
  let text = '';
  for (let rest = id; text.length < WIDTH; rest = Math.floor(rest / 32)) text = ALPHABET[rest % 32] + text;
  return `${prefixOf(of)}_${text}`;
}

/** The number behind a public id; `null` when it is not one of that kind. */
export function parseId(of: Named, text: string): number | null {
  const prefix = `${prefixOf(of)}_`;
  if (!text.startsWith(prefix) || text.length !== prefix.length + WIDTH) return null;
  let id = 0;
  for (const letter of text.slice(prefix.length)) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return null;
    id = id * 32 + digit;
  }
  return Number.isSafeInteger(id) ? id : null;
}
