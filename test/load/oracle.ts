/**
 * What the store must hold after a source said something, computed plainly and one record at a time: no SQL, no
 * hashing, nothing shared with src/load. Identity is decided by keys as they stood when a page began, but an entity that
 * only records of the page speak for has the keys they state now: first who lets go of a key, then who matches.
 */
import type { ScriptPage, ScriptRecord } from '../support/scripted.ts';
import { type Body, type Interpretation, interpret, type Opinion, type Said } from './shop-mapping.ts';

export type OracleStream = {
  readonly name: string;
  readonly connection: string;
  /** Place in the configuration; earlier ones win ties. */
  readonly order: number;
  readonly says: 'products' | 'stock';
  readonly policy: 'last_write_wins' | 'source_wins' | 'platform_wins';
  readonly isAuthority: boolean;
  readonly skewMs: number;
  readonly mode?: 'patch';
};

type Statement = {
  readonly record: Rec;
  readonly output: string;
  entity: Entity;
  values: Record<string, Opinion | Entity>;
  since: number;
  changed: Map<string, number>;
  isLive: boolean;
};
type Rec = {
  readonly stream: OracleStream;
  readonly id: string;
  readonly no: number;
  state: 'live' | 'filtered' | 'deleted';
  content: string | null;
  version: number | null;
  /** When this content was last seen. */
  observed: number;
  statements: Map<string, Statement>;
  stock: readonly StockSaid[];
};
type StockSaid = Extract<Said, { kind: 'mapped' }>['stock'][number];
type Entity = { readonly kind: 'product' | 'variant'; readonly statements: Statement[]; key: string | null };
/** `setBy` null: the record that set it says nothing about it any more, so nobody speaks for it. */
type Level = { quantity: number; asOf: number; connection: string; setBy: Rec | null };
type Letter = {
  readonly stream: string;
  readonly id: string;
  readonly version: number | null;
  readonly observed: number;
};
type Waiting = { readonly rec: Rec; readonly figure: StockSaid; readonly asOf: number };

export type Counts = {
  read: number;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  dead_lettered: number;
  deleted: number;
  tombstones: number;
};
export const noCounts = (): Counts => ({
  ...{ read: 0, created: 0, updated: 0, unchanged: 0, skipped: 0, dead_lettered: 0, deleted: 0, tombstones: 0 },
});

type Mention = {
  readonly id: string;
  readonly version: number | null;
  readonly content: string | null;
  readonly body?: Body;
  readonly said: Interpretation;
  readonly isTombstone: boolean;
};

const YEAR_2000 = Date.UTC(2000, 0, 1);
const FIELDS = {
  product: ['sku', 'name', 'brand', 'kind', 'price', 'tags'],
  variant: ['product', 'sku', 'title', 'price'],
} as const;

export class Oracle {
  readonly #records = new Map<string, Rec>();
  readonly #entities: Entity[] = [];
  readonly #levels = new Map<Entity, Map<string, Level>>();
  readonly #observations = new Map<Entity, Map<string, { quantity: number; asOf: number; rec: Rec }>>();
  readonly #letters = new Map<string, Letter>();
  readonly #piles = new Map<string, Pile>();
  #waiting: Waiting[] = [];
  readonly #counters = new Map<string, number>();

  /** One page of a run of `stream`, as the loader must take it. */
  page(stream: OracleStream, page: ScriptPage, counts: Counts): void {
    const at = page.observedAt.getTime();
    const mentions = [
      ...(page.records ?? []).map((one) => this.#mention(stream, one)),
      ...(page.tombstones ?? []).map(tombstone),
    ];
    counts.read += mentions.length;
    counts.tombstones += page.tombstones?.length ?? 0;
    if (stream.mode === 'patch') {
      const merged = [...Map.groupBy(mentions, (one) => one.id).values()].flatMap(
        (of) => this.#patch(stream, of, at, counts) ?? [],
      );
      const targets = this.#identifyAll(merged);
      const taken = merged.flatMap((one, place) => one.take(targets[place] ?? null) ?? []);
      this.#refold();
      this.#stock(stream, taken, at);
      return;
    }
    const winners = this.#winners(stream, mentions, at, counts);
    const applied: { rec: Rec; mention: Mention; before: readonly StockSaid[] }[] = [];
    const targets = this.#identifyAll(
      winners.map(({ id, said }) => ({ known: this.#records.get(nameOf(stream, id)), said })),
    );
    for (const [place, mention] of winners.entries()) {
      const rec = this.#apply(stream, mention, at, targets[place] ?? null, counts);
      if (rec) applied.push(rec);
    }
    this.#refold();
    this.#stock(stream, applied, at);
  }

  /** The records of a scope that a complete window did not show are gone. */
  absent(stream: OracleStream, gone: readonly string[], observedAt: Date, counts: Counts): void {
    for (const id of gone) {
      const rec = this.#records.get(nameOf(stream, id));
      if (!rec || rec.state === 'deleted') throw new Error(`${id} is not there to be deleted`);
      this.#silence(rec);
      rec.state = 'deleted';
      rec.version = null;
      rec.content = null;
      rec.observed = observedAt.getTime();
      rec.stock = [];
      this.#piles.set(nameOf(stream, id), { patches: [], gone: { version: null, observed: observedAt.getTime() } });
      counts.deleted += 1;
    }
    this.#refold();
    this.#withdrawStock(gone.map((id) => this.#records.get(nameOf(stream, id))).filter((rec) => rec !== undefined));
    this.#handOver();
  }

  /** Ids of a stream's records that stand. */
  standing(stream: OracleStream): string[] {
    return [...this.#records.values()]
      .filter((rec) => rec.stream === stream && rec.state !== 'deleted')
      .map((rec) => rec.id);
  }

  #mention(stream: OracleStream, { id, body, version }: ScriptRecord): Mention {
    return {
      id: id ?? String(body['id']),
      version: version ?? null,
      content: canonical(body),
      body: body as unknown as Body,
      said: interpret(stream.says, body as unknown as Body),
      isTombstone: false,
    };
  }

  /** Sorts out what the page says twice, what stands already and what is older. */
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the oracle stays one plain story, so that it can be read against the rules
  #winners(stream: OracleStream, mentions: readonly Mention[], at: number, counts: Counts): Mention[] {
    const byId = new Map<string, Mention>();
    const confirmed = new Map<string, number>();
    for (const [place, mention] of mentions.entries()) {
      const rec = this.#records.get(nameOf(stream, mention.id));
      const stands =
        rec !== undefined &&
        rec.state !== 'deleted' &&
        rec.content === mention.content &&
        !this.#letters.has(nameOf(stream, mention.id));
      if (stands) {
        if (rec.state === 'filtered') counts.skipped += 1;
        else counts.unchanged += 1;
        confirmed.set(mention.id, place);
        if (mention.version !== null && (rec.version === null || mention.version > rec.version))
          rec.version = mention.version;
        continue;
      }
      const other = byId.get(mention.id);
      if (!other) {
        byId.set(mention.id, mention);
        continue;
      }
      const isOlder = mention.version !== null && other.version !== null && mention.version < other.version;
      leaveOut(isOlder ? mention : other, counts);
      if (!isOlder) byId.set(mention.id, mention);
    }
    const winners: Mention[] = [];
    for (const mention of byId.values()) {
      const rec = this.#records.get(nameOf(stream, mention.id));
      const place = confirmed.get(mention.id);
      const isConfirmedLater =
        place !== undefined && place > mentions.indexOf(mention) && !(rec && isNewer(mention, rec));
      if ((rec && isStale(mention, rec, at)) || isConfirmedLater) leaveOut(mention, counts);
      else winners.push(mention);
    }
    for (const id of confirmed.keys()) {
      const rec = this.#records.get(nameOf(stream, id));
      if (rec) rec.observed = Math.max(rec.observed, at);
    }
    return winners;
  }

  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the oracle stays one plain story, so that it can be read against the rules
  #apply(stream: OracleStream, mention: Mention, at: number, targets: readonly Entity[] | null, counts: Counts) {
    const name = nameOf(stream, mention.id);
    const known = this.#records.get(name);
    const { said } = mention;
    if (said.kind === 'rejected' || targets === null) {
      counts.dead_lettered += 1;
      const letter = this.#letters.get(name);
      const isOlder = letter && mention.version !== null && letter.version !== null && mention.version < letter.version;
      if (!isOlder)
        this.#letters.set(name, { stream: stream.name, id: mention.id, version: mention.version, observed: at });
      if (known) known.observed = Math.max(known.observed, at);
      return null;
    }
    const letter = this.#letters.get(name);
    if (letter && !isStale(mention, letter, at)) this.#letters.delete(name);
    const rec = known ?? this.#newRecord(stream, mention.id);
    const wasDeleted = !known || known.state === 'deleted';
    const stock = said.kind === 'mapped' ? said.stock : [];
    const when =
      mention.version !== null && mention.version >= YEAR_2000 && mention.version <= at ? mention.version : at;
    const state = said.kind === 'mapped' ? 'live' : said.kind;
    let differs = rec.state !== state || JSON.stringify(rec.stock) !== JSON.stringify(stock);
    const spoken = new Set<string>();
    if (said.kind === 'mapped') {
      const entities = new Map(said.entities.map((output, place) => [output.key, targets[place] as Entity]));
      for (const output of said.entities) {
        spoken.add(output.key);
        const entity = entities.get(output.key) as Entity;
        const values = Object.fromEntries(
          Object.entries(output.values).map(([field, value]) => [
            field,
            field === 'product' ? (entities.get('product') as Entity) : value,
          ]),
        );
        if (this.#state(rec, output.key, entity, values, when)) differs = true;
      }
    }
    for (const [output, statement] of rec.statements) {
      if (spoken.has(output) || !statement.isLive) continue;
      statement.isLive = false;
      differs = true;
    }
    const before = rec.stock;
    Object.assign(rec, { state, content: mention.content, version: mention.version, observed: at, stock });
    if (said.kind === 'filtered') counts.skipped += 1;
    else if (said.kind === 'deleted') {
      if (!mention.isTombstone) counts.tombstones += 1;
      counts[wasDeleted ? 'unchanged' : 'updated'] += 1;
      if (!wasDeleted) counts.deleted += 1;
    } else counts[!known ? 'created' : differs ? 'updated' : 'unchanged'] += 1;
    return { rec, mention, before };
  }

  /** What one page's patches make of a record. */
  // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the oracle stays one plain story, so that it can be read against the rules
  #patch(stream: OracleStream, mentions: readonly Mention[], observed: number, counts: Counts) {
    const [{ id } = { id: '' }] = mentions;
    const name = nameOf(stream, id);
    const known = this.#records.get(name);
    let { patches, gone } = this.#piles.get(name) ?? { patches: [], gone: null };
    const lives = new Map<string, OutputLife>();
    for (const [output, one] of known?.statements ?? [])
      if (one.isLive) lives.set(output, { values: plain(one.values), since: one.since, changed: new Map(one.changed) });
    let taken = 0;
    let said: Said | null = null;
    let newest: Pieces | undefined;
    const step = (when: number, isLate: boolean): void => {
      said = patches.length === 0 ? { kind: 'deleted' } : readPieces(patches);
      newest = patches.at(-1);
      tellLives(lives, said, when, isLate);
      if (said.kind === 'deleted' && newest) {
        gone = { version: newest.version, observed: newest.observed };
        patches = [];
      }
    };
    for (const mention of mentions) {
      const stamp = { version: mention.version, observed };
      const when = changeTimeOf(mention.version, observed);
      if (gone && isAbove(gone, stamp)) {
        leaveOut(mention, counts);
        continue;
      }
      if (mention.isTombstone) {
        patches = patches.filter((one) => isAbove(one, stamp));
        gone = stamp;
        taken += 1;
        step(when, patches.length > 0);
        continue;
      }
      const later = patches.filter((one) => isAbove(one, stamp));
      const below = patches.at(-1 - later.length);
      if (below?.content === mention.content && (mention.version === null || mention.version === below.version)) {
        taken += 1;
        const isLonger = observed > below.observed;
        below.observed = Math.max(observed, below.observed);
        if (isLonger && later.length > 0) step(when, true);
        continue;
      }
      const piece = { ...stamp, content: mention.content, since: observed, body: mention.body as Body };
      const all = [...patches.slice(0, patches.length - later.length), piece, ...later];
      const needed = all.filter(
        (one, place) =>
          place === all.length - 1 ||
          Object.keys(one.body).some((field) => !all.slice(place + 1).some((above) => field in above.body)),
      );
      if (!needed.includes(piece)) {
        leaveOut(mention, counts);
        continue;
      }
      taken += 1;
      patches = needed;
      step(when, later.length > 0);
    }
    if (taken === 0) return null;
    const letter = this.#letters.get(name);
    if (said === null && known && known.state !== 'deleted' && !letter) {
      counts[known.state === 'filtered' ? 'skipped' : 'unchanged'] += taken;
      this.#piles.set(name, { patches, gone });
      return null;
    }
    if (said === null) step(changeTimeOf(mentions[0]?.version ?? null, observed), true);
    this.#piles.set(name, { patches, gone });
    const final = said as Said | null;
    if (!final) throw new Error('nothing was said');
    // biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the oracle stays one plain story, so that it can be read against the rules
    const take = (targets: readonly Entity[] | null) => {
      if (final.kind === 'rejected' || targets === null) {
        counts.dead_lettered += taken;
        this.#letters.set(name, { stream: stream.name, id, version: newest?.version ?? null, observed });
        return null;
      }
      this.#letters.delete(name);
      const rec = known ?? this.#newRecord(stream, id);
      const wasDeleted = !known || known.state === 'deleted';
      const stock = final.kind === 'mapped' ? final.stock : [];
      const state = final.kind === 'mapped' ? 'live' : final.kind;
      let differs = rec.state !== state || JSON.stringify(rec.stock) !== JSON.stringify(stock);
      const spoken = new Set<string>();
      if (final.kind === 'mapped') {
        const entities = new Map(
          final.entities.map((output, place) => [output.key as string, targets[place] as Entity]),
        );
        for (const output of final.entities) {
          spoken.add(output.key);
          const entity = entities.get(output.key) as Entity;
          const life = lives.get(output.key) as OutputLife;
          const values = Object.fromEntries(
            Object.entries(output.values).map(([field, value]) => [
              field,
              field === 'product' ? (entities.get('product') as Entity) : value,
            ]),
          );
          const before = rec.statements.get(output.key);
          if (!before?.isLive || canonical(plain(before.values)) !== canonical(plain(values))) differs = true;
          if (before) before.entity.statements.splice(before.entity.statements.indexOf(before), 1);
          const statement = {
            record: rec,
            output: output.key,
            entity,
            values,
            since: life.since,
            changed: life.changed,
          };
          const live: Statement = { ...statement, isLive: true };
          entity.statements.push(live);
          rec.statements.set(output.key, live);
        }
      }
      for (const [output, statement] of rec.statements) {
        if (spoken.has(output) || !statement.isLive) continue;
        statement.isLive = false;
        differs = true;
      }
      const before = rec.stock;
      const version = newest ? newest.version : (mentions.at(-1)?.version ?? null);
      Object.assign(rec, { state, content: null, version, observed, stock });
      const more = taken - 1;
      if (final.kind === 'filtered') counts.skipped += taken;
      else if (final.kind === 'deleted') {
        if (newest) counts.tombstones += 1;
        counts[wasDeleted ? 'unchanged' : 'updated'] += 1;
        counts.unchanged += more;
        if (!wasDeleted) counts.deleted += 1;
      } else {
        counts[!known ? 'created' : differs ? 'updated' : 'unchanged'] += 1;
        counts[!known || differs ? 'updated' : 'unchanged'] += more;
      }
      return { rec, before };
    };
    return { known, said: final, take };
  }

  #newRecord(stream: OracleStream, id: string): Rec {
    const no = (this.#counters.get(stream.name) ?? 0) + 1;
    this.#counters.set(stream.name, no);
    const rec: Rec = {
      stream,
      id,
      no,
      state: 'deleted',
      content: null,
      version: null,
      observed: 0,
      statements: new Map(),
      stock: [],
    };
    this.#records.set(nameOf(stream, id), rec);
    return rec;
  }

  /**
   * Entities of the outputs of all that a page says; `null`: they cannot be told. A record of which they cannot be told
   * goes on saying what it said, so it lets go of nothing.
   */
  #identifyAll(told: readonly Told[]): (readonly Entity[] | null)[] {
    const unclear = new Set<Told>();
    for (;;) {
      const keys = this.#keys(told.filter((one) => one.said.kind !== 'rejected' && !unclear.has(one)));
      const made: Entity[] = [];
      const found = told.map((one) => (unclear.has(one) ? null : this.#identify(one, keys, made)));
      const more = told.filter(({ known, said }, place) => known && said.kind === 'mapped' && found[place] === null);
      if (more.every((one) => unclear.has(one))) {
        this.#entities.push(...made);
        return found;
      }
      for (const one of more) unclear.add(one);
    }
  }

  #identify({ known, said }: Told, keys: Keys, made: Entity[]): Entity[] | null {
    if (said.kind !== 'mapped') return said.kind === 'rejected' ? null : [];
    const found = said.entities.map((output) => {
      const before = known?.statements.get(output.key);
      return before ? [before.entity] : output.sku === null ? [] : (keys.get(output.entity)?.get(output.sku) ?? []);
    });
    const ambiguous = found.some((hits) => hits.length > 1);
    const unclear = said.stock.some((one) => one.sku !== null && (keys.get('variant')?.get(one.sku) ?? []).length > 1);
    if (ambiguous || unclear) return null;
    return said.entities.map((output, place) => {
      const [hit] = found[place] ?? [];
      if (hit) return hit;
      const entity: Entity = { kind: output.entity, statements: [], key: null };
      made.push(entity);
      if (output.sku !== null) addKey(keys, entity.kind, output.sku, entity);
      return entity;
    });
  }

  /** Takes a statement up; true when it says something new. */
  #state(rec: Rec, output: string, entity: Entity, values: Statement['values'], when: number): boolean {
    const known = rec.statements.get(output);
    if (!known?.isLive) {
      const statement: Statement = {
        record: rec,
        output,
        entity,
        values,
        since: when,
        changed: new Map(),
        isLive: true,
      };
      if (known) entity.statements.splice(entity.statements.indexOf(known), 1);
      entity.statements.push(statement);
      rec.statements.set(output, statement);
      return true;
    }
    let differs = false;
    for (const field of new Set([...Object.keys(values), ...Object.keys(known.values)])) {
      if (isSame(known.values[field], values[field])) continue;
      known.changed.set(field, when);
      differs = true;
    }
    known.values = values;
    return differs;
  }

  #silence(rec: Rec): void {
    for (const statement of rec.statements.values()) statement.isLive = false;
  }

  /** Who carries which key while a page is read. */
  #keys(told: readonly Told[]): Keys {
    const speaking = new Set(told.map((one) => one.known));
    const stated = new Map<Entity, Set<string | null>>();
    for (const { known, said } of told) {
      for (const { key, sku } of said.kind === 'mapped' ? said.entities : []) {
        const entity = known?.statements.get(key)?.entity;
        if (entity) stated.set(entity, (stated.get(entity) ?? new Set()).add(sku));
      }
    }
    const keys: Keys = new Map();
    for (const entity of this.#entities) {
      const isTheirs = !entity.statements.some((one) => one.isLive && !speaking.has(one.record));
      const now = isTheirs ? stated.get(entity) : undefined;
      for (const sku of now ?? [entity.key]) if (sku !== null) addKey(keys, entity.kind, sku, entity);
    }
    return keys;
  }

  #refold(): void {
    for (const entity of this.#entities) {
      const sku = this.fold(entity)['sku'];
      entity.key = typeof sku === 'string' ? sku.trim().toLowerCase() || null : null;
    }
  }

  /** The row: per field the best of those who speak, or of those who spoke last when nobody does. */
  fold(entity: Entity): Record<string, Opinion | Entity> {
    const live = entity.statements.filter((one) => one.isLive);
    const voices = live.length > 0 ? live : entity.statements;
    const row: Record<string, Opinion | Entity> = {};
    for (const field of FIELDS[entity.kind]) {
      const speaking = voices.filter((one) => one.values[field] !== undefined);
      speaking.sort((a, b) => {
        const [one, two] = [weight(field, a), weight(field, b)];
        for (const [at, part] of one.entries()) if (part !== two[at]) return (two[at] as number) - part;
        return 0;
      });
      row[field] = speaking[0]?.values[field] ?? null;
    }
    return row;
  }

  #stock(stream: OracleStream, applied: readonly { rec: Rec; before: readonly StockSaid[] }[], at: number): void {
    const figures = new Map<string, { entity: Entity; figure: StockSaid; asOf: number; rec: Rec }>();
    const kept = new Set<string>();
    const stillWaits: Waiting[] = [];
    const place = new Map<Entity, number>();
    const spotOf = (entity: Entity, location: string) => {
      if (!place.has(entity)) place.set(entity, place.size);
      return `${place.get(entity)}/${location}`;
    };
    this.#waiting = this.#waiting.filter((one) => !applied.some(({ rec }) => rec === one.rec));
    for (const { rec } of applied) {
      for (const figure of rec.stock) {
        const asOf = (figure.asOf ?? at) - stream.skewMs;
        const entity = figure.sku === null ? rec.statements.get('variant')?.entity : this.#variantBySku(figure.sku);
        if (!entity) {
          stillWaits.push({ rec, figure, asOf });
          continue;
        }
        kept.add(`${rec.no}/${spotOf(entity, figure.location)}`);
        const spot = spotOf(entity, figure.location);
        const other = figures.get(spot);
        if (!other || asOf >= other.asOf) figures.set(spot, { entity, figure, asOf, rec });
      }
    }
    this.#withdrawStock(
      applied.map(({ rec }) => rec),
      (rec, entity, location) => kept.has(`${rec.no}/${spotOf(entity, location)}`),
    );
    for (const { entity, figure, asOf, rec } of figures.values()) this.#figure(entity, figure, asOf, rec);
    this.#waiting.push(...stillWaits);
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.sort((a, b) => a.asOf - b.asOf);
    for (const one of waiting) {
      const entity = one.figure.sku === null ? undefined : this.#variantBySku(one.figure.sku);
      if (entity) this.#figure(entity, one.figure, one.asOf, one.rec);
      else this.#waiting.push(one);
    }
    this.#handOver();
  }

  #variantBySku(sku: string): Entity | undefined {
    const hits = this.#entities.filter((entity) => entity.kind === 'variant' && entity.key === sku);
    return hits.length === 1 ? hits[0] : undefined;
  }

  #figure(entity: Entity, figure: StockSaid, asOf: number, rec: Rec): void {
    const levels = this.#levels.get(entity) ?? new Map<string, Level>();
    this.#levels.set(entity, levels);
    const level = levels.get(figure.location);
    const { connection, isAuthority } = rec.stream;
    if (!level && isAuthority) levels.set(figure.location, { quantity: figure.quantity, asOf, connection, setBy: rec });
    else if (level && level.connection === connection) {
      if (asOf >= level.asOf) Object.assign(level, { quantity: figure.quantity, asOf, setBy: rec });
    } else if (level?.setBy === null && isAuthority) {
      Object.assign(level, { quantity: figure.quantity, asOf, connection, setBy: rec });
      this.#observations.get(entity)?.delete(`${figure.location}/${rec.stream.name}`);
    } else {
      const spots = this.#observations.get(entity) ?? new Map();
      this.#observations.set(entity, spots);
      const spot = `${figure.location}/${rec.stream.name}`;
      const other = spots.get(spot);
      if (!other || asOf >= other.asOf) spots.set(spot, { quantity: figure.quantity, asOf, rec });
    }
  }

  /** A level nobody speaks for goes to the newest figure of those who may. */
  #handOver(): void {
    for (const [entity, levels] of this.#levels) {
      for (const [location, level] of levels) {
        const spots = this.#observations.get(entity);
        if (level.setBy !== null || !spots) continue;
        const [best] = [...spots]
          .filter(([spot, { rec }]) => rec.stream.isAuthority && spot === `${location}/${rec.stream.name}`)
          .sort(([, a], [, b]) => b.asOf - a.asOf || a.rec.stream.order - b.rec.stream.order);
        if (!best) continue;
        const [spot, { quantity, asOf, rec }] = best;
        Object.assign(level, { quantity, asOf, connection: rec.stream.connection, setBy: rec });
        spots.delete(spot);
      }
    }
  }

  /** What these records no longer say about stock counts for nothing. */
  #withdrawStock(
    records: readonly Rec[],
    isSaid: (rec: Rec, entity: Entity, location: string) => boolean = () => false,
  ): void {
    const gone = new Set(records);
    for (const [entity, levels] of this.#levels) {
      for (const [location, level] of levels)
        if (level.setBy && gone.has(level.setBy) && !isSaid(level.setBy, entity, location))
          Object.assign(level, { quantity: 0, setBy: null });
    }
    for (const [entity, spots] of this.#observations) {
      for (const [spot, { rec }] of spots)
        if (gone.has(rec) && !isSaid(rec, entity, spot.slice(0, spot.lastIndexOf(`/${rec.stream.name}`))))
          spots.delete(spot);
    }
    if (records.every((rec) => rec.state === 'deleted'))
      this.#waiting = this.#waiting.filter((one) => !gone.has(one.rec));
  }

  /** Everything the store must hold, in the form `exported` gives it. */
  expected(): Exported {
    const label = (entity: Entity): string => entity.statements.map(speaker).sort().join(' ');
    return {
      records: [...this.#records.values()]
        .map((rec) => `${rec.stream.name}/${rec.id} ${rec.state}${rec.state === 'deleted' ? '' : ` ${rec.version}`}`)
        .sort(),
      rows: this.#entities
        .filter((entity) => entity.statements.length > 0)
        .map((entity) => {
          const row = this.fold(entity);
          const shown = Object.fromEntries(
            Object.entries(row).map(([field, value]) => [
              field,
              isEntity(value) ? label(value) : shownValue(field, value),
            ]),
          );
          const isArchived = !entity.statements.some((one) => one.isLive);
          return JSON.stringify({ speakers: label(entity), isArchived, ...shown });
        })
        .sort(),
      levels: [...this.#levels]
        .flatMap(([entity, levels]) =>
          [...levels].map(
            ([location, level]) => `${label(entity)} @ ${location}: ${level.quantity} as of ${level.asOf}`,
          ),
        )
        .sort(),
      observations: [...this.#observations]
        .flatMap(([entity, spots]) =>
          [...spots].map(([spot, { quantity, asOf }]) => `${label(entity)} @ ${spot}: ${quantity} as of ${asOf}`),
        )
        .sort(),
      waiting: this.#waiting
        .map(
          ({ rec, figure, asOf }) =>
            `${rec.stream.name}/${rec.id} ${figure.sku} @ ${figure.location}: ${figure.quantity} as of ${asOf}`,
        )
        .sort(),
      letters: [...this.#letters.values()].map(({ stream, id }) => `${stream}/${id}`).sort(),
    };
  }
}

export type Exported = {
  readonly records: readonly string[];
  readonly rows: readonly string[];
  readonly levels: readonly string[];
  readonly observations: readonly string[];
  readonly waiting: readonly string[];
  readonly letters: readonly string[];
};

type Keys = Map<string, Map<string, Entity[]>>;
/** What a page says of a record, and the record where it is known. */
type Told = { readonly known: Rec | undefined; readonly said: Interpretation };

function addKey(keys: Keys, kind: string, sku: string, entity: Entity): void {
  const of = keys.get(kind) ?? new Map<string, Entity[]>();
  keys.set(kind, of);
  of.set(sku, [...(of.get(sku) ?? []), entity]);
}

type Place = { readonly version: number | null; readonly observed: number };
type Pieces = {
  readonly version: number | null;
  observed: number;
  readonly since: number;
  readonly content: string | null;
  readonly body: Body;
};
/** Patches of a record that still say something, the oldest first, and its last delete. */
type Pile = { patches: Pieces[]; gone: Place | null };
type OutputLife = { values: Record<string, unknown>; since: number; changed: Map<string, number> };

const isAbove = (one: Place, other: Place): boolean =>
  one.version !== null && other.version !== null && one.version !== other.version
    ? one.version > other.version
    : one.observed > other.observed;

const changeTimeOf = (version: number | null, at: number): number =>
  version !== null && version >= YEAR_2000 && version <= at ? version : at;

/** The newest word on each field; a figure without a time was counted when its patch came. */
function readPieces(pieces: readonly Pieces[]): Said {
  const body: Record<string, unknown> = {};
  const since: Record<string, number> = {};
  for (const piece of pieces) {
    for (const [field, value] of Object.entries(piece.body)) {
      body[field] = value;
      since[field] = piece.since;
    }
  }
  const said = interpret('products', body as unknown as Body, 'patch');
  if (said.kind !== 'mapped') return said;
  return { ...said, stock: said.stock.map((one) => ({ ...one, asOf: one.asOf ?? since['levels'] ?? null })) };
}

function tellLives(lives: Map<string, OutputLife>, said: Said, when: number, isLate: boolean): void {
  if (said.kind === 'rejected') return;
  const before = new Map(lives);
  lives.clear();
  if (said.kind !== 'mapped') return;
  for (const { key, values } of said.entities) {
    const old = before.get(key);
    const next = { values: plain(values), since: old?.since ?? when, changed: new Map(old?.changed ?? []) };
    lives.set(key, next);
    for (const field of old ? new Set([...Object.keys(old.values), ...Object.keys(next.values)]) : []) {
      if (!old || canonical(old.values[field]) === canonical(next.values[field])) continue;
      const was = old.changed.get(field) ?? old.since;
      next.changed.set(field, isLate && old.values[field] !== undefined ? Math.max(when, was) : when);
    }
  }
}

/** Values without the entity they refer to. */
const plain = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).filter(([field]) => field !== 'product'));

const nameOf = (stream: OracleStream, id: string): string => `${stream.name}/${id}`;
const tombstone = ({ id, version }: { id: string; version: number | null }): Mention => ({
  id,
  version,
  content: null,
  said: { kind: 'deleted' },
  isTombstone: true,
});
const speaker = (one: Statement): string =>
  `${one.record.stream.name}/${one.record.id}#${one.output}:${one.isLive ? 'live' : 'withdrawn'}`;
const isEntity = (value: unknown): value is Entity =>
  typeof value === 'object' && value !== null && 'statements' in value;
const isNewer = (mention: Mention, rec: Rec): boolean =>
  mention.version !== null && rec.version !== null && mention.version > rec.version;

function leaveOut(mention: Mention, counts: Counts): void {
  if (mention.isTombstone) counts.unchanged += 1;
  else counts.skipped += 1;
}

function isStale(mention: Mention, rec: Pick<Rec, 'version' | 'observed'>, at: number): boolean {
  if (mention.version !== null && rec.version !== null && mention.version !== rec.version)
    return mention.version < rec.version;
  return at < rec.observed;
}

/** Greater is better, part by part. */
function weight(field: string, one: Statement): number[] {
  const changed = one.changed.get(field);
  const isBlank = one.values[field] === null && changed === undefined;
  const rank = isBlank ? -1 : one.record.stream.policy === 'source_wins' ? 1 : 0;
  return [rank, changed ?? one.since, -one.record.stream.order, -one.record.no, one.output < 'product' ? 1 : 0];
}

function isSame(a: unknown, b: unknown): boolean {
  if (isEntity(a) || isEntity(b)) return a === b;
  return canonical(a) === canonical(b);
}

/** Decimals by value, lists as text. */
export const shownValue = (field: string, value: unknown): unknown =>
  field === 'price' && value !== null
    ? Number(value)
    : typeof value === 'object' && value !== null
      ? canonical(value)
      : value;

export function canonical(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  return `{${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, inner]) => `${JSON.stringify(key)}:${canonical(inner)}`)
    .join()}}`;
}
