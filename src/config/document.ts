import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Json, JsonObject } from '../connector/contract.ts';
import type { FileProblem } from '../mapping/types.ts';
import type { Place, Position, Positions } from './types.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A YAML file as plain values, with the place of each and everything that is wrong with it so far. */
export type ConfigDocument = {
  readonly value: JsonObject;
  readonly positions: Positions;
  readonly problems: readonly FileProblem[];
  /** Pointers that already have a problem; another one about the same value would only confuse. */
  readonly faulty: ReadonlySet<string>;
};

type Reading = {
  readonly env: Environment;
  readonly positions: Record<string, Position>;
  readonly faulty: Set<string>;
  readonly place: (offset: number | undefined) => Place;
  report(place: Place, code: string, message: string, remedy: string): void;
};

/** One step further in a JSON pointer. */
export const pointerTo = (parent: string, key: string | number): string =>
  `${parent}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`;

/**
 * Reads YAML and replaces `${NAME}` and `${NAME:-otherwise}` in texts by environment variables; `$${` stands for `${`.
 * No message ever holds a value.
 * @param file name for messages
 */
export function readDocument(file: string, text: string, env: Environment): ConfigDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems: FileProblem[] = [];
  const reading: Reading = {
    env,
    positions: {},
    faulty: new Set(),
    place: (offset) => {
      const { line, col } = lines.linePos(offset ?? 0);
      return { line: Math.max(1, line), column: Math.max(1, col) };
    },
    report: (place, code, message, remedy) =>
      problems.push({ file, ...place, severity: 'error', code, message, remedy }),
  };
  // After the first break everything looks wrong to the parser; only repeated keys are worth telling beside it.
  const broken = document.errors.findIndex((error) => error.code !== 'DUPLICATE_KEY');
  for (const [index, error] of document.errors.entries()) {
    if (index > broken && broken >= 0 && error.code !== 'DUPLICATE_KEY') continue;
    reading.report(reading.place(error.pos[0]), 'yaml', withoutValues(error.message), yamlRemedy(error.code));
  }
  const value = document.contents === null ? {} : plain(document.contents, '', reading);
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject && problems.length === 0) {
    reading.report(
      { line: 1, column: 1 },
      'shape',
      'The file must be a table of settings.',
      'Start from tributary.example.yaml.',
    );
  }
  const aliases = problems.filter((one) => one.code === 'alias');
  // The parser's word for it says less.
  const told = problems.filter(
    (one) => one.code !== 'yaml' || !aliases.some((alias) => alias.line === one.line && alias.column === one.column),
  );
  return { value: isObject ? value : {}, positions: reading.positions, problems: told, faulty: reading.faulty };
}

/** The parser quotes what it met, which may be a password. */
const withoutValues = (message: string): string => `${(message.split('\n')[0] ?? '').replace(/:?\s*".*$/, '')}.`;

function yamlRemedy(code: string): string {
  if (code === 'DUPLICATE_KEY') return 'Keep one of the two.';
  if (code === 'TAB_AS_INDENT') return 'Indent with spaces.';
  return `Correct the YAML here. Texts that begin with * & { [ % or # belong in quotes, and so does \${NAME} inside { }.`;
}

function plain(node: unknown, pointer: string, reading: Reading): Json {
  if (isMap(node)) return mapOf(node.items, pointer, reading);
  if (isSeq(node)) {
    return node.items.map((child, index) => {
      const here = pointerTo(pointer, index);
      const place = reading.place(rangeOf(child));
      reading.positions[here] = { key: place, value: place, fromEnv: false };
      return plain(child, here, reading);
    });
  }
  if (isAlias(node)) {
    reading.faulty.add(pointer);
    reading.report(
      reading.place(rangeOf(node)),
      'alias',
      'A text that begins with * needs quotes; YAML aliases are not supported.',
      'Write it in quotes, as in every: "*/5 * * * *".',
    );
    return null;
  }
  const value = isScalar(node) ? node.value : null;
  if (typeof value === 'string') return expand(value, pointer, reading);
  return typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

function mapOf(pairs: readonly { key: unknown; value: unknown }[], pointer: string, reading: Reading): JsonObject {
  const table: JsonObject = {};
  for (const pair of pairs) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '';
    const keyPlace = reading.place(rangeOf(pair.key));
    if (key === '' || key === '__proto__') {
      reading.report(keyPlace, 'key', 'This is no name of a setting.', 'Write a plain name before the colon.');
      continue;
    }
    const here = pointerTo(pointer, key);
    const start = rangeOf(pair.value);
    reading.positions[here] = {
      key: keyPlace,
      value: start === undefined ? keyPlace : reading.place(start),
      fromEnv: false,
    };
    table[key] = plain(pair.value, here, reading);
  }
  return table;
}

function rangeOf(node: unknown): number | undefined {
  if (typeof node !== 'object' || node === null || !('range' in node) || !Array.isArray(node.range)) return undefined;
  const start: unknown = node.range[0];
  return typeof start === 'number' ? start : undefined;
}

const REFERENCE = /\$(\$)?\{([^}]*)\}?/g;

function expand(text: string, pointer: string, reading: Reading): string {
  const at = reading.positions[pointer];
  const place = at?.value ?? { line: 1, column: 1 };
  return text.replace(REFERENCE, (written: string, escaped: string | undefined, inside: string) => {
    if (escaped !== undefined) return written.slice(1);
    const [, name, otherwise] = /^([A-Za-z_]\w*)(?::-(.*))?$/s.exec(inside) ?? [];
    if (name === undefined || !written.endsWith('}')) {
      reading.faulty.add(pointer);
      reading.report(
        place,
        'env-reference',
        `A \${…} here is no name of an environment variable.`,
        `Write \${NAME}; a literal \${ is written $\${.`,
      );
      return '';
    }
    if (at !== undefined) reading.positions[pointer] = { ...at, fromEnv: true };
    const value = reading.env[name] || otherwise;
    if (value !== undefined && value !== '') return value;
    reading.faulty.add(pointer);
    const state = reading.env[name] === undefined ? 'not set' : 'empty';
    reading.report(
      place,
      'env-missing',
      `The environment variable ${name} is ${state}.`,
      `Set ${name} in the environment or in the file .env beside tributary.yaml.`,
    );
    return '';
  });
}
