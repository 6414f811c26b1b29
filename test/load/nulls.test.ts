/**
 * No silent nulls (invariant 4): generated mappings and records whose values are there, absent, null, blank or unreadable,
 * loaded into the real store. Every empty field of a canonical row has a reason that is the right one, every value that could
 * not be read is a dead letter that names its field. `SEED=n` replays one.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publicId } from '../../src/canonical/ids.ts';
import { type ExplainedField, explain } from '../../src/load/explain.ts';
import { decodeOf } from '../../src/run/streams.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { type Loading, openLoading } from '../support/loading.ts';
import { declared } from '../support/scripted.ts';
import { seeds } from '../support/seeds.ts';
import { bothEngines } from '../support/stores.ts';

const RECORDS = 40;

/** What a source may hold, and what that is called where it leaves a field empty. */
const CELLS = {
  good: null,
  absent: /^absent/,
  null: /^null in source/,
  empty: /^null in source/,
  // Text until it reaches the field.
  blank: /^coerced/,
  unreadable: null,
} as const;
type Cell = keyof typeof CELLS;

/** Good and unreadable values by field; text can always be read. Blanks are text to the end, or refused or emptied by the function. */
const FIELDS = {
  name: { through: '', blank: 'text', good: 'Mug', unreadable: undefined },
  brand: { through: '', blank: 'text', good: 'Acme', unreadable: undefined },
  price: { through: ' | decimal', blank: 'emptied', good: '9.90', unreadable: 'nine' },
  status: { through: ' | lookup(states)', blank: 'refused', good: 'live', unreadable: 'nobody knows' },
  metadata: { through: ' | parse_json', blank: 'refused', good: '{"a":1}', unreadable: '{"a"' },
} as const;
type FieldName = keyof typeof FIELDS;
const NAMES = Object.keys(FIELDS) as FieldName[];
const DEFAULTS: Readonly<Record<FieldName, string>> = {
  ...{ name: 'none', brand: 'none', price: '0', status: 'draft', metadata: 'null' },
};

/** How a mapping treats a field that has no value. */
type Treatment = 'plain' | 'required' | 'default' | 'omit' | 'clear' | 'unmapped';
type Rules = Readonly<Record<FieldName, Treatment>>;
type Row = Readonly<Record<FieldName, Cell>>;

const rules = fc.record<Rules>({
  name: fc.constantFrom('required', 'default'),
  brand: fc.constantFrom<Treatment[]>('plain', 'required', 'default', 'omit', 'clear', 'unmapped'),
  price: fc.constantFrom<Treatment[]>('plain', 'required', 'default', 'omit', 'clear', 'unmapped'),
  status: fc.constantFrom<Treatment[]>('plain', 'required', 'default', 'omit', 'clear', 'unmapped'),
  metadata: fc.constantFrom<Treatment[]>('plain', 'required', 'omit', 'clear', 'unmapped'),
});
const cells = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Cell>('good') },
  { weight: 4, arbitrary: fc.constantFrom<Cell[]>('absent', 'null', 'empty', 'blank') },
  { weight: 1, arbitrary: fc.constant<Cell>('unreadable') },
);
const rows = fc.array(fc.record<Row>({ name: cells, brand: cells, price: cells, status: cells, metadata: cells }), {
  ...{ minLength: RECORDS, maxLength: RECORDS },
});

describe.each(await bothEngines('nulls'))('an empty field on $engine', ({ open }) => {
  let store: Store;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    ({ store, drop } = await open());
  });
  afterAll(async () => {
    await store.close();
    await drop();
  });

  it.each(seeds(3))('has its reason, or is a dead letter that names it (SEED=%i)', async (seed) => {
    const [[rule, records] = expect.fail('nothing generated')] = fc.sample(fc.tuple(rules, rows), { seed, numRuns: 1 });
    const text = mappingOf(rule);
    await using loading = await openLoading(store, {
      tenant: `nulls-${seed}`,
      connections: [{ name: 'shop', streams: [{ name: 'products', mappings: ['products'] }] }],
      mappings: { products: text },
      streams: [declared('products')],
    });
    const bodies = records.map((row, at) => ({ id: `r${at}`, body: { id: `r${at}`, sku: `S-${at}`, ...bodyOf(row) } }));
    loading.script.say('shop', 'products', [{ records: bodies, observedAt: loading.clock.now() }]);
    const run = await loading.run('shop/products');
    const dead = await deadLetters(loading);
    expect([run.read, run.created, run.dead_lettered]).toEqual([RECORDS, RECORDS - dead.size, dead.size]);
    let empty = 0;
    for (const [at, row] of records.entries()) {
      const place = `seed ${seed}, ${JSON.stringify(row)}\n${text}`;
      const refused = NAMES.filter((name) => isRefused(name, rule[name], row[name])).map((name) => `product.${name}`);
      expect([...(dead.get(`r${at}`) ?? [])].sort(), place).toEqual(refused.sort());
      if (refused.length > 0) continue;
      const told = await explainRow(loading, `S-${at}`);
      for (const name of NAMES) {
        const field = told.find((one) => one.field === name) ?? expect.fail(`${name} is not explained`);
        const reason = expectedReason(name, rule[name], row[name]);
        expect(reasonOf(field), `${name} of ${place}\n${JSON.stringify(field)}`).toEqual(
          reason === null ? null : expect.stringMatching(reason),
        );
        if (reason !== null) empty += 1;
      }
    }
    expect(empty).toBeGreaterThan(0);
    expect(dead.size).toBeGreaterThan(0);
  });
});

function mappingOf(rule: Rules): string {
  const fields = NAMES.flatMap((name) => {
    const from = `${name}${FIELDS[name].through}`;
    const plain = { plain: from, required: `${from} | required` };
    switch (rule[name]) {
      case 'unmapped':
        return [];
      case 'default':
        return [`      ${name}: {from: '${from}', default: '${DEFAULTS[name]}'}`];
      case 'omit':
      case 'clear':
        return [`      ${name}: {from: '${from}', on_null: ${rule[name]}}`];
      default:
        return [`      ${name}: ${plain[rule[name]]}`];
    }
  });
  return `about: generated
tables:
  states: {values: {live: active}, otherwise: reject}
record: {key: id}
outputs:
  product:
    match: sku
    fields:
      sku: sku
${fields.join('\n')}
`;
}

function bodyOf(row: Row): Record<string, string | null> {
  const values: Record<string, string | null> = {};
  for (const name of NAMES) {
    const { good, unreadable } = FIELDS[name];
    const cell = row[name];
    if (cell === 'absent') continue;
    values[name] = { good, null: null, empty: '', blank: '  ', unreadable: unreadable ?? good }[cell];
  }
  return values;
}

const isEmpty = (cell: Cell): boolean => cell !== 'good' && cell !== 'unreadable';

/** Whether a record must become a dead letter for a field. No default takes the place of blanks that are text to the end. */
function isRefused(name: FieldName, treatment: Treatment, cell: Cell): boolean {
  if (treatment === 'unmapped') return false;
  const { blank, unreadable } = FIELDS[name];
  if (cell === 'unreadable') return unreadable !== undefined;
  if (cell === 'blank') return blank === 'refused' || treatment === 'required' || name === 'name';
  return treatment === 'required' && isEmpty(cell);
}

/** Why a field must be empty; `null`: it has a value. */
function expectedReason(name: FieldName, treatment: Treatment, cell: Cell): RegExp | null {
  if (treatment === 'unmapped') return /^not mapped/;
  const isText = cell === 'blank' && FIELDS[name].blank === 'text';
  return treatment === 'default' && !isText ? null : CELLS[cell];
}

/** What explain gives as the reason of an empty field; `null`: the field has a value. */
function reasonOf({ value, winner, none }: ExplainedField): string | null {
  if (value !== null) return null;
  if (winner) return winner.reason ?? 'SILENT';
  return none?.replace('shop/products: ', '') ?? 'SILENT';
}

async function deadLetters(loading: Loading): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await loading.store.rows<{ external_id: string; problems: { field: string }[] }>(
    sql`select external_id, problems from dead_letter where tenant = ${loading.streams.tenant} and state = 'open'`,
  );
  return new Map(rows.map((row) => [row.external_id, row.problems.map(({ field }) => field)]));
}

async function explainRow({ store, streams, runs }: Loading, sku: string): Promise<readonly ExplainedField[]> {
  const deps = {
    ...runs.load,
    decodeOf: (id: number) => decodeOf((streams.byId(id) ?? expect.fail(`no stream ${id}`)).connector),
  };
  const [row] = await store.rows<{ id: number }>(
    sql`select id from product where tenant = ${streams.tenant} and sku = ${sku}`,
  );
  return (await explain(deps, streams.tenant, 'product', publicId('product', row?.id ?? expect.fail(`no ${sku}`))))
    .fields;
}
