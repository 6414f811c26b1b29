/** Makes mapping files and records by seed: every construct of the language, records that fit and records that do not. */
import { ENTITIES, type Field, STOCK_FIELDS } from '../../src/canonical/entities.ts';
import type { Json, JsonObject } from '../../src/connector/contract.ts';

export type Random = {
  next(): number;
  below(limit: number): number;
  pick<One>(from: readonly One[]): One;
  chance(share: number): boolean;
};

/** Mulberry32: small, good enough, the same everywhere. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    next,
    below,
    chance: (share) => next() < share,
    pick: <One>(from: readonly One[]): One => {
      const one = from[below(from.length)];
      if (one === undefined) throw new RangeError('nothing to pick from');
      return one;
    },
  };
}

const NAMES = [
  'A',
  'B c',
  'D (e)',
  'F / G',
  'constructor',
  '__proto__',
  'x.y',
  'Tags',
  'N 1',
  'N 2',
  'When',
  'Flag',
  'Json',
];

/** What columns hold when records are as they should be. */
const FITTING: Readonly<Record<string, readonly Json[]>> = {
  'N 1': ['7', '12', 12, '0', ''],
  'N 2': ['3', '1000', 40, ''],
  When: ['2026-11-20T10:00:00Z', '2026-07-01T10:00:00+02:00', ''],
  Flag: ['true', 'no', true, '1'],
  Json: ['{"a":1}', '{"b":["x"]}'],
  Tags: ['a, b,,c', 'A > B, C', 'one'],
};
const PLAIN = ['x', ' Mug ', 'red', 'Straße', '🍵', 'A > B', ''];
const SUITED: Readonly<Partial<Record<Field['type'], readonly string[]>>> = {
  integer: ['N 1', 'N 2'],
  decimal: ['N 1', 'N 2'],
  boolean: ['Flag'],
  timestamp: ['When'],
  date: ['When'],
  list: ['Tags'],
  json: ['Json'],
};
const TEXTS = [
  '',
  ' ',
  'x',
  ' Mug ',
  '12.50',
  '007',
  '-3',
  'true',
  'no',
  '2026-11-20T10:00:00Z',
  '2026-11-20 10:00',
  'a, b,,c',
  'A > B, C',
  'EUR',
  '4006381333931',
  'ann@example.com',
  'https://e.com/a',
  '\ud800',
  'nul\u0000',
  '🍵',
  'red',
  '1e3',
  '9007199254740993',
];

const column = (name: string): string => (name.includes('.') ? `\`${name}\`` : name);
const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const SCALAR = [
  'trim',
  'squish',
  'lower',
  'upper',
  'replace("a", "b")',
  'truncate(3)',
  'before(",")',
  'after(",")',
  'default("d")',
  'null_if("x", 1)',
  'strip_html',
  'match("[a-z]+")',
  'lookup(colours)',
  'default(A)',
  'replace(A, "z")',
  'text',
];

const THROUGH: Readonly<Record<Field['type'], readonly string[]>> = {
  text: [
    'trim',
    'lower',
    'trim | default("none")',
    'trim | default("none") | required',
    'gtin("empty")',
    'upper',
    'squish',
  ],
  integer: ['integer', 'decimal | round(0) | integer', 'decimal | round(0) | integer | default(0)'],
  decimal: ['decimal', 'decimal(",")', 'decimal | multiply(2)', 'decimal | add(N 1)', 'decimal | round(1)'],
  boolean: ['boolean'],
  timestamp: ['timestamp("UTC")', 'timestamp("Europe/Berlin")', 'timestamp'],
  date: ['timestamp("UTC") | day("Asia/Tokyo")', 'date'],
  json: ['parse_json'],
  list: ['split(",")', 'split_paths(",", ">")', 'split(",") | unique'],
  reference: [],
};

function path(random: Random, inLoop: boolean, type: Field['type'] = 'text'): string {
  const suited = SUITED[type];
  if (suited !== undefined && random.chance(0.95)) return `${inLoop ? '$.' : ''}${random.pick(suited)}`;
  const name = column(random.pick(NAMES));
  if (inLoop && random.chance(0.3)) return `$.${name}`;
  return random.chance(0.15) ? random.pick(['List[0].A', 'List[A = "x"].B c', 'Deep.Tags', 'Deep.`x.y`']) : name;
}

const flat = (random: Random, inLoop: boolean): string =>
  `${path(random, inLoop)}${random.chance(0.5) ? ` | ${random.pick(SCALAR)}` : ''}`;

function condition(random: Random, inLoop: boolean, depth = 0): string {
  const left = path(random, inLoop);
  const kinds = [
    '=',
    '!=',
    '<',
    '>=',
    'in',
    'empty',
    'full',
    'true',
    'call',
    ...(depth < 2 ? ['all', 'any', 'not'] : []),
  ];
  const kind = random.pick(kinds);
  if (kind === 'all' || kind === 'any')
    return `{${kind}: [${condition(random, inLoop, depth + 1)}, ${condition(random, inLoop, depth + 1)}]}`;
  if (kind === 'not') return `{not: ${condition(random, inLoop, depth + 1)}}`;
  if (kind === 'in') return quote(`${left} in ("x", 7, "red")`);
  if (kind === 'empty') return quote(`${left} is empty`);
  if (kind === 'full') return quote(`${left} is not empty`);
  if (kind === 'true') return quote(left);
  if (kind === 'call') return quote(`${left} | contains("a")`);
  return quote(`${left} ${kind} ${random.pick(['"x"', '7', '12.5', 'A', 'null'])}`);
}

/** A value in flow style, so that it fits anywhere. */
function value(random: Random, field: Field, inLoop: boolean, depth = 0): string {
  if (field.type === 'reference') return reference(random, field, inLoop);
  const ending = random.pick(THROUGH[field.type]);
  const kind =
    depth > 1 ? 'line' : random.pick(['line', 'line', 'line', 'first', 'choose', 'template', 'shape', 'const']);
  if (kind === 'first')
    return `{first: [${value(random, field, inLoop, depth + 1)}, ${value(random, field, inLoop, depth + 1)}]}`;
  if (kind === 'choose')
    return `{choose: [{when: ${condition(random, inLoop)}, then: ${value(random, field, inLoop, depth + 1)}}${random.chance(0.6) ? `, {else: ${value(random, field, inLoop, depth + 1)}}` : ''}]}`;
  if (kind === 'template' && field.type === 'text')
    return `{template: ${quote(`{${flat(random, inLoop)}}-{${flat(random, inLoop)}}`)}}`;
  if (kind === 'const' && field.type === 'text') return quote(`= "${field.values?.[0] ?? 'fixed'}"`);
  if (kind === 'shape' && field.type === 'json')
    return random.pick([
      `{object: {one: ${quote(flat(random, inLoop))}, two: ${quote(flat(random, inLoop))}}}`,
      `{numbered: 1..2, key: ${quote(path(random, inLoop))}, value: 'N {n}'}`,
    ]);
  if (kind === 'shape' && field.type === 'list')
    return random.pick([
      `{list: [${quote(flat(random, inLoop))}, ${quote(flat(random, inLoop))}]}`,
      `{each: '$.List', when: ${condition(random, true)}, object: {a: A, at: '@index'}}`,
      `{each: 'Tags | split(",")', item: '. | upper'}`,
      `{numbered: 1..2, when: 'N {n} is not empty', item: 'N {n}'}`,
    ]);
  const lookup =
    field.values === undefined
      ? `${ending}${field.required ? ' | default("none")' : ''}`
      : field.values.includes('archived')
        ? 'lookup(states)'
        : `null_if("x") | default("${field.values[0]}")`;
  return random.chance(0.2)
    ? `{from: ${quote(`${path(random, inLoop, field.type)} | ${lookup}`)}, on_null: ${random.pick(['omit', 'clear'])}}`
    : quote(`${path(random, inLoop, field.type)} | ${lookup}`);
}

function reference(random: Random, field: Field, inLoop: boolean): string {
  const entity = field.entity ?? 'product';
  const fields = ENTITIES[entity].fields;
  const match = Object.keys(fields).find((name) => fields[name]?.match !== undefined);
  return random.pick([
    `{external: ${quote(flat(random, inLoop))}, stream: other}`,
    ...(match === undefined ? [] : [`{match: ${match}, from: ${quote(flat(random, inLoop))}}`]),
  ]);
}

/** A mapping over records of {@link makeRecord}. */
export function makeMapping(random: Random): string {
  const isGrouped = random.chance(0.4);
  const lines = [
    'tables:',
    '  colours: {ignore_case: true, values: {red: rouge, x: ix}, otherwise: keep}',
    '  states: {values: {x: active, red: draft}, default: archived}',
    'record:',
  ];
  if (isGrouped) lines.push('  group: A');
  if (random.chance(0.7)) lines.push(`  key: [${quote(flat(random, false))}, ${quote(flat(random, false))}]`);
  if (random.chance(0.4))
    lines.push(`  version: ${quote(random.pick(['N 1', 'N 2 | timestamp("UTC")', 'N 1 | integer']))}`);
  if (random.chance(0.2)) lines.push(`  deleted: ${condition(random, false)}`);
  if (random.chance(0.2)) lines.push('  skip:', `    - {when: ${condition(random, false)}, reason: left out}`);
  lines.push('outputs:');
  const count = 1 + random.below(3);
  for (let at = 0; at < count; at += 1) lines.push(...makeOutput(random, at, isGrouped));
  return `${lines.join('\n')}\n`;
}

function makeOutput(random: Random, at: number, isGrouped: boolean): string[] {
  const entity = random.pick(['product', 'variant', 'customer', 'opportunity', 'stock', 'order'] as const);
  const fields: Readonly<Record<string, Field>> = entity === 'stock' ? STOCK_FIELDS : ENTITIES[entity].fields;
  const isRepeated = random.chance(0.4);
  const lines = [`  o${at}:`, `    entity: ${entity}`];
  if (isRepeated) lines.push(`    each: ${isGrouped ? random.pick(['rows', 'List']) : 'List'}`);
  if (isRepeated && random.chance(0.6)) lines.push(`    key: ${quote(random.pick(['A', 'B c', '@index']))}`);
  if (random.chance(0.3)) lines.push(`    when: ${condition(random, isRepeated)}`);
  const chosen = Object.entries(fields).filter(([, field]) => field.required || random.chance(0.5));
  const match = chosen.filter(([, field]) => field.match !== undefined).map(([name]) => name);
  if (match.length > 0) lines.push(`    match: [${match.join(', ')}]`);
  lines.push('    fields:', ...chosen.map(([name, field]) => `      ${name}: ${value(random, field, isRepeated)}`));
  if (chosen.length === 0) lines.push(`      ${Object.keys(fields)[0]}: '= null'`);
  return lines;
}

/** A record, mostly of the shape that generated mappings read. */
export function makeRecord(random: Random, isGrouped: boolean): Json {
  if (random.chance(0.02)) return random.pick([null, 'text', 5, []]);
  return isGrouped && random.chance(0.97)
    ? { rows: Array.from({ length: 1 + random.below(3) }, () => row(random)) }
    : row(random);
}

function row(random: Random): JsonObject {
  const entries: [string, Json][] = NAMES.filter(() => random.chance(0.8)).map((name) => [name, fitting(random, name)]);
  if (random.chance(0.7))
    entries.push([
      'List',
      Array.from({ length: random.below(4) }, () =>
        random.chance(0.9)
          ? { A: fitting(random, 'A'), 'B c': fitting(random, 'B c'), Tags: fitting(random, 'Tags') }
          : cell(random),
      ),
    ]);
  if (random.chance(0.5)) entries.push(['Deep', { Tags: fitting(random, 'Tags'), 'x.y': fitting(random, 'A') }]);
  return Object.fromEntries(entries);
}

function fitting(random: Random, name: string): Json {
  return random.chance(0.97)
    ? random.pick((Object.hasOwn(FITTING, name) ? FITTING[name] : undefined) ?? PLAIN)
    : cell(random);
}

function cell(random: Random): Json {
  if (random.chance(0.75)) return random.pick(TEXTS);
  return random.pick<Json>([null, true, 7, 12.5, ['a', 'b'], { k: 'v' }, 1e21]);
}
