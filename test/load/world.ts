/** Generated worlds: what several connections say over time, with everything that goes wrong between them. By seed. */
import type { JsonObject } from '../../src/connector/contract.ts';
import type { ScriptPage, ScriptRecord } from '../support/scripted.ts';
import type { OracleStream } from './oracle.ts';
import type { Body } from './shop-mapping.ts';

export type Random = {
  below(limit: number): number;
  chance(share: number): boolean;
  pick<One>(from: readonly One[]): One;
};

/** Mulberry32: small, good enough, the same everywhere. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return {
    below,
    chance: (share) => next() < share,
    pick: <One>(from: readonly One[]): One => {
      if (from.length === 0) throw new RangeError('nothing to pick from');
      return from[below(from.length)] as One;
    },
  };
}

/** One reading of one stream. */
export type Delivery = {
  readonly stream: OracleStream;
  readonly pages: readonly ScriptPage[];
  /** Ids the reading proves gone; `null`: it proves nothing. */
  readonly proves: { readonly present: ReadonlySet<string>; readonly observedAt: Date } | null;
  readonly advanceMs: number;
};

export const STREAMS: readonly OracleStream[] = [
  {
    name: 'shop/products',
    connection: 'shop',
    order: 1,
    says: 'products',
    policy: 'last_write_wins',
    isAuthority: true,
    skewMs: 0,
  },
  {
    name: 'erp/products',
    connection: 'erp',
    order: 2,
    says: 'products',
    policy: 'last_write_wins',
    isAuthority: true,
    skewMs: 2000,
  },
  {
    name: 'feed/products',
    connection: 'feed',
    order: 3,
    says: 'products',
    policy: 'source_wins',
    isAuthority: false,
    skewMs: 0,
  },
  {
    name: 'count/stock',
    connection: 'count',
    order: 4,
    says: 'stock',
    policy: 'last_write_wins',
    isAuthority: true,
    skewMs: 0,
  },
];

/** Two streams of patches, with versions and without, beside one of whole records. */
export const PATCH_STREAMS: readonly OracleStream[] = [
  {
    ...{ name: 'crm/patches', connection: 'crm', order: 1, says: 'products', policy: 'last_write_wins' },
    ...{ isAuthority: true, skewMs: 0, mode: 'patch' },
  },
  {
    ...{ name: 'app/patches', connection: 'app', order: 2, says: 'products', policy: 'source_wins' },
    ...{ isAuthority: true, skewMs: 1000, mode: 'patch' },
  },
  {
    ...{ name: 'shop/products', connection: 'shop', order: 3, says: 'products', policy: 'last_write_wins' },
    ...{ isAuthority: true, skewMs: 0 },
  },
];

const NAMES = ['Mug', 'Tea 茶', 'Ça "va"', 'a\tb\\n\nc', "O'Neil", '🍵', 'x'.repeat(300)];
const WORDS = ['red', 'blue', '', null, undefined, 'Grün'];
const PRICES = ['1.50', '1.5', '0', '-3', '19.99', null, undefined, '12345678901234567890.123456789'];
const SKUS = ['A-1', 'a-1', 'B-2', 'C-3', 'D-4', 'E 5', 'ß6', null, undefined, ''];
const PLACES = ['main', 'Süd', 'x\ty'];
const MINUTE = 60_000;

type Message = { readonly record: ScriptRecord; readonly observedAt: number };
type Source = {
  readonly stream: OracleStream;
  readonly bodies: Map<string, Body>;
  readonly sent: Message[];
  revision: number;
  reading: number;
};

/** What the sources of a world say, delivery by delivery. Times begin at `start`. */
export function* deliveries(
  seed: number,
  start: number,
  count: number,
  options: { readonly isApart?: true; readonly streams?: readonly OracleStream[] } = {},
): Generator<Delivery> {
  const dice = random(seed);
  const sources = (options.streams ?? STREAMS).map(
    (stream): Source => ({ stream, bodies: new Map(), sent: [], revision: 0, reading: 0 }),
  );
  let now = start;
  for (let at = 0; at < count; at += 1) {
    const source = dice.pick(sources);
    const advanceMs = dice.pick([1000, MINUTE, 10 * MINUTE]);
    now += advanceMs;
    source.reading += 1;
    const { changed, gone } = evolve(dice, source, now);
    // Absence has no version to be held against those of patches.
    const isSnapshot = dice.chance(isPatch(source) && hasVersions(source) ? 0 : 0.4);
    const said = isSnapshot ? snapshot(dice, source, now) : delta(dice, source, { changed, gone }, now);
    // Pages that say where they came from are committed one by one, others may be taken together.
    const isApart = dice.chance(0.6) || options.isApart === true;
    const pages = said.pages.map((page, place) => (isApart ? { ...page, context: { file: `${at}-${place}` } } : page));
    yield { stream: source.stream, advanceMs, pages, proves: said.proves };
  }
}

const hasVersions = ({ stream: { connection } }: Source): boolean => connection === 'erp' || connection === 'crm';
const isPatch = ({ stream }: Source): boolean => stream.mode === 'patch';

/** Edits, creates, deletes and brings back. */
function evolve(dice: Random, source: Source, now: number): { changed: string[]; gone: string[] } {
  const changed: string[] = [];
  const gone: string[] = [];
  for (let edits = 1 + dice.below(6); edits > 0; edits -= 1) {
    const id = `r${dice.below(8)}`;
    const body = source.bodies.get(id);
    if (body && dice.chance(0.2)) {
      source.bodies.delete(id);
      gone.push(id);
      continue;
    }
    source.bodies.set(
      id,
      isPatch(source)
        ? patch(dice, id, body, now)
        : source.stream.says === 'stock'
          ? figure(dice, id, now)
          : edit(dice, id, body, now),
    );
    changed.push(id);
  }
  source.revision += 1;
  return {
    changed: [...new Set(changed)].filter((id) => source.bodies.has(id)),
    gone: gone.filter((id) => !source.bodies.has(id)),
  };
}

function edit(dice: Random, id: string, body: Body | undefined, now: number): Body {
  const fresh = body ?? { id, name: dice.pick(NAMES), sku: dice.pick(SKUS) };
  const changes: Record<string, unknown>[] = [
    { name: dice.pick(NAMES) },
    { name: dice.pick([null, undefined, '']) },
    { brand: dice.pick(WORDS) },
    { kind: dice.pick(WORDS), title: dice.pick(WORDS) },
    { price: dice.pick(PRICES) },
    { tags: dice.pick([[], ['a'], ['b', 'a']]) },
    {
      levels: [
        {
          at: dice.pick(PLACES),
          on_hand: dice.below(20) - 2,
          ...(dice.chance(0.3) ? { as_of: new Date(now - dice.below(20) * MINUTE).toISOString() } : {}),
        },
      ],
    },
    { levels: PLACES.slice(0, dice.below(3)).map((at) => ({ at, on_hand: dice.below(9) })) },
    ...(dice.chance(0.3) ? [{ sku: dice.pick(SKUS) }] : []),
    ...(dice.chance(0.3) ? [{ skip: dice.chance(0.5) }, { gone: dice.chance(0.5) }] : []),
  ];
  const edited: Record<string, unknown> = {
    ...fresh,
    ...dice.pick(changes),
    ...(dice.chance(0.5) ? dice.pick(changes) : {}),
  };
  for (const [field, value] of Object.entries(edited)) if (value === undefined) delete edited[field];
  return edited as unknown as Body;
}

/** A few fields of a record; a first one may lack what is required. */
function patch(dice: Random, id: string, body: Body | undefined, now: number): Body {
  const whole = edit(dice, id, undefined, now);
  const named = Object.entries(edit(dice, id, whole, now)).filter(([field]) =>
    dice.chance(field === 'name' ? 0.3 : 0.5),
  );
  const first = body || dice.chance(0.2) ? {} : { name: dice.pick(['Mug', 'Tea']), sku: dice.pick(SKUS) ?? null };
  return { ...first, ...Object.fromEntries(named), id };
}

const figure = (dice: Random, id: string, now: number): Body => ({
  id,
  sku: dice.chance(0.05) ? '' : dice.pick(['A-1', 'B-2', 'C-3', 'Z-9']),
  at: dice.pick(PLACES),
  on_hand: dice.chance(0.05) ? null : dice.below(30),
  ...(dice.chance(0.5) ? { as_of: new Date(now - dice.below(30) * MINUTE).toISOString() } : {}),
});

/** A message about a record as it stands; remembered, so that it can come again late. */
function message(dice: Random, source: Source, id: string, now: number): ScriptRecord {
  const body = source.bodies.get(id);
  if (!body) throw new Error(`${id} is not there`);
  const version = hasVersions(source) ? now - (dice.chance(0.1) ? MINUTE : 0) : null;
  const record: ScriptRecord = { id: dice.chance(0.5) ? id : null, body: body as unknown as JsonObject, version };
  source.sent.push({ record, observedAt: now });
  return record;
}

function delta(dice: Random, source: Source, { changed, gone }: { changed: string[]; gone: string[] }, now: number) {
  const ids = [...changed, ...(dice.chance(0.3) ? [...source.bodies.keys()].filter(() => dice.chance(0.3)) : [])];
  const records = ids.flatMap((id) => {
    const one = message(dice, source, id, now);
    if (!isPatch(source) || dice.chance(0.6)) return [one];
    source.bodies.set(id, patch(dice, id, source.bodies.get(id), now));
    return [one, message(dice, source, id, now)];
  });
  const tombstones = [
    ...gone,
    ...(dice.chance(0.1) ? [`r${dice.below(8)}`] : []).filter((id) => !source.bodies.has(id)),
  ];
  const version = () =>
    hasVersions(source) && (isPatch(source) || dice.chance(0.7)) ? now - (dice.chance(0.2) ? MINUTE : 0) : null;
  const pages: ScriptPage[] = [];
  const observedAt = new Date(now);
  for (let left = records; left.length > 0; ) {
    const size = 1 + dice.below(4);
    pages.push({ records: left.slice(0, size), observedAt });
    left = left.slice(size);
  }
  if (tombstones.length > 0) {
    const stones = [...new Set(tombstones)].map((id) => ({ id, version: version() }));
    const [first] = pages;
    if (first && dice.chance(0.5)) pages[0] = { ...first, tombstones: stones };
    else pages.push({ tombstones: stones, observedAt });
  }
  return { pages: withNoise(dice, source, pages), proves: null };
}

/** Doubles in a page and across pages, and messages of long ago. */
function withNoise(dice: Random, source: Source, pages: readonly ScriptPage[]): ScriptPage[] {
  const noisy = [...pages];
  const [first] = noisy;
  if (first?.records && first.records.length > 0 && dice.chance(0.2))
    noisy[0] = { ...first, records: [...first.records, dice.pick(first.records)] };
  if (noisy.length > 0 && dice.chance(0.2)) noisy.push(dice.pick(noisy));
  if (source.sent.length > 0 && dice.chance(0.4)) {
    const late = dice.pick(source.sent);
    noisy.push({ records: [late.record], observedAt: new Date(late.observedAt) });
  }
  const last = noisy.at(-1);
  if (last?.records && source.sent.length > 0 && dice.chance(0.2)) {
    // An old version in the same page as newer ones; only versions can tell.
    if (hasVersions(source))
      noisy[noisy.length - 1] = { ...last, records: [...last.records, dice.pick(source.sent).record] };
  }
  return noisy;
}

function snapshot(dice: Random, source: Source, now: number): Pick<Delivery, 'pages' | 'proves'> {
  const window = { id: `${source.stream.name} ${source.reading}`, kind: 'snapshot' as const, scope: 'all' };
  const observedAt = new Date(now);
  const ids = [...source.bodies.keys()];
  const records = ids.map((id) => message(dice, source, id, now));
  const pages: ScriptPage[] = [];
  const size = 1 + dice.below(4);
  for (let from = 0; from === 0 || from < records.length; from += size)
    pages.push({ records: records.slice(from, from + size), window, observedAt });
  const defect = dice.pick(['none', 'none', 'none', 'open', 'broken', 'short', 'long'] as const);
  const expected =
    defect === 'short'
      ? records.length + 1
      : defect === 'long'
        ? records.length - 1
        : dice.chance(0.5)
          ? records.length
          : null;
  const last = pages.length - 1;
  if (defect === 'broken')
    pages[0] = {
      ...pages[0],
      window,
      observedAt,
      problems: [{ message: 'a line that is none', position: 7, raw: null }],
    };
  pages[last] = { ...pages[last], window, observedAt, complete: defect !== 'open', expected };
  // An empty promise cannot be undercut.
  const proves = defect === 'none' ? { present: new Set(ids), observedAt } : null;
  return { pages, proves };
}
