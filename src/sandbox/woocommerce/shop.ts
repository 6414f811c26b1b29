/** What a shop holds: its tables, its counters, its clock and its zone. */
import type { Clock, Json, JsonObject } from '../../connector/contract.ts';
import { Table, type Version } from '../table.ts';
import { listOf, numberOf, objectOf, textOf } from './values.ts';

export const KINDS = [
  'products',
  'variations',
  'orders',
  'refunds',
  'customers',
  'categories',
  'coupons',
  'webhooks',
] as const;
export type Kind = (typeof KINDS)[number];

/** Posts share one counter, as they do in WordPress. */
const COUNTER_OF: Readonly<Record<Kind, string>> = {
  products: 'post',
  variations: 'post',
  orders: 'post',
  refunds: 'post',
  coupons: 'post',
  customers: 'user',
  categories: 'term',
  webhooks: 'webhook',
};

export type Event = 'created' | 'updated' | 'deleted' | 'restored';
export type Entry = Version & { readonly values: JsonObject };

/** Times a change carries; absent: now. */
export type Times = { readonly at?: Date; readonly visibleAt?: Date; readonly createdAt?: Date };

export type ShopOptions = {
  readonly clock: Clock;
  readonly clockSkewMs: number;
  readonly zone: string;
  readonly currency: string;
  readonly saved?: Json | undefined;
};

export class Shop {
  readonly zone: string;
  readonly currency: string;
  /** Address it believes to have. */
  home = '';
  readonly #tables = new Map<Kind, Table>(KINDS.map((kind) => [kind, new Table()]));
  readonly #counters = new Map<string, number>();
  readonly #clock: Clock;
  readonly #clockSkewMs: number;
  /** Told of every change that a webhook may be about. */
  onChange: (kind: Kind, id: string, event: Event) => void = () => undefined;

  constructor(options: ShopOptions) {
    this.zone = options.zone;
    this.currency = options.currency;
    this.#clock = options.clock;
    this.#clockSkewMs = options.clockSkewMs;
    if (options.saved !== undefined) this.#load(options.saved);
  }

  table(kind: Kind): Table {
    const table = this.#tables.get(kind);
    if (!table) throw new RangeError(`a shop has no ${kind}`);
    return table;
  }

  /** Epoch milliseconds on the shop's own clock. */
  now(): number {
    return this.#clock.now().getTime() + this.#clockSkewMs;
  }

  nextId(counter: string): number {
    const next = (this.#counters.get(counter) ?? 100) + 1;
    this.#counters.set(counter, next);
    return next;
  }

  add(kind: Kind, values: JsonObject, times: Times = {}): string {
    const id = String(this.nextId(COUNTER_OF[kind]));
    this.put(kind, id, values, times);
    this.onChange(kind, id, 'created');
    return id;
  }

  /** Writes a version; WordPress keeps whole seconds. `null` removes the record for good. */
  put(kind: Kind, id: string, values: JsonObject | null, times: Times = {}): void {
    const at = Math.floor((times.at?.getTime() ?? this.now()) / 1000) * 1000;
    const visibleAt = times.visibleAt ? { visibleAt: times.visibleAt.getTime() } : {};
    const createdAt = times.createdAt ? { createdAt: times.createdAt.getTime() } : {};
    this.table(kind).put(id, values, { at, ...visibleAt, ...createdAt });
  }

  /** Changes some fields of what is newest; the time it carries moves even when nothing differs. */
  change(kind: Kind, id: string, fields: JsonObject, times: Times = {}): void {
    this.put(kind, id, { ...this.table(kind).latest(id), ...fields }, times);
    this.onChange(kind, id, 'updated');
    // Whatever happens to a variation moves its product.
    const parent = kind === 'variations' ? textOf(this.table(kind).latest(id)?.parent_id) : '';
    if (parent !== '') this.put('products', parent, { ...this.table('products').latest(parent) }, times);
  }

  get(kind: Kind, id: string): Entry | null {
    return this.table(kind).get(id, this.now());
  }

  all(kind: Kind): Entry[] {
    return [...this.table(kind).all(this.now())];
  }

  /** A number between 0 and 1 that follows from nothing but how many were drawn before. */
  random(): number {
    const drawn = this.nextId('random');
    return ((drawn * 7919 + 104_729) % 99_991) / 99_991;
  }

  save(): JsonObject {
    return {
      counters: Object.fromEntries(this.#counters),
      tables: Object.fromEntries(KINDS.map((kind) => [kind, this.table(kind).save()])),
    };
  }

  #load(saved: Json): void {
    const { counters, tables } = objectOf(saved);
    for (const [name, value] of Object.entries(objectOf(counters))) this.#counters.set(name, numberOf(value));
    for (const kind of KINDS) this.table(kind).load([...listOf(objectOf(tables)[kind])]);
  }
}
