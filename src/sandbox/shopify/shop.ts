/** What a shop of the sandbox holds: its records as plain data, in tables that know from when a reader sees them. */
import type { Clock, Json, JsonObject } from '../../connector/contract.ts';
import type { Faults } from '../faults.ts';
import { Table } from '../table.ts';

export type Variant = {
  readonly id: number;
  readonly itemId: number;
  readonly sku: string;
  readonly barcode: string | null;
  readonly title: string;
  readonly price: string;
  readonly compareAtPrice: string | null;
  readonly position: number;
  readonly options: readonly { readonly name: string; readonly value: string }[];
  readonly weightGrams: number;
  /** Epoch milliseconds, like all times here. */
  readonly createdAt: number;
  readonly updatedAt: number;
};

export type Product = {
  readonly title: string;
  readonly handle: string;
  readonly descriptionHtml: string;
  readonly vendor: string;
  readonly productType: string;
  readonly category: string | null;
  readonly status: 'ACTIVE' | 'DRAFT' | 'ARCHIVED' | 'UNLISTED';
  readonly tags: readonly string[];
  readonly variants: readonly Variant[];
};

export type Level = {
  readonly locationId: number;
  readonly available: number;
  readonly committed: number;
  readonly updatedAt: number;
};

export type Item = {
  readonly sku: string;
  readonly variantId: number;
  readonly productId: number;
  readonly cost: string | null;
  readonly levels: readonly Level[];
};

export type Location = { readonly name: string; readonly isActive: boolean; readonly city: string };

export type Customer = {
  readonly firstName: string;
  readonly lastName: string;
  readonly email: string;
  readonly phone: string;
  readonly note: string | null;
  readonly company: string;
  readonly street: string;
  readonly city: string;
  readonly zip: string;
  readonly isSubscribed: boolean;
};

export type OrderLine = {
  readonly id: number;
  readonly sku: string | null;
  readonly title: string;
  readonly variantTitle: string | null;
  readonly quantity: number;
  readonly variantId: number | null;
  readonly productId: number | null;
  readonly price: string;
};

export type Order = {
  readonly name: string;
  readonly email: string | null;
  readonly customerId: number | null;
  readonly processedAt: number;
  readonly cancelledAt: number | null;
  readonly financialStatus: string;
  readonly fulfillmentStatus: string;
  readonly currency: string;
  readonly tags: readonly string[];
  readonly note: string | null;
  readonly sourceName: string;
  readonly sourceIdentifier: string | null;
  readonly lines: readonly OrderLine[];
  readonly shippingAddress: JsonObject | null;
  readonly utm: { readonly campaign: string; readonly source: string; readonly medium: string } | null;
};

/** A marketing activity with its event: the shop keeps both under one number here. */
export type Campaign = {
  readonly title: string;
  readonly remoteId: string | null;
  readonly tactic: string;
  readonly channel: string;
  readonly status: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly scheduledToEndAt: number | null;
  readonly url: string | null;
  readonly budget: { readonly amount: string; readonly currencyCode: string } | null;
  readonly utm: { readonly campaign: string; readonly source: string; readonly medium: string } | null;
};

/** Something that happened; deletes are told this way. */
export type ShopEvent = { readonly action: string; readonly subjectType: string; readonly subjectId: string };

export type Hook = { readonly topic: string; readonly uri: string };

type Records = {
  products: Product;
  inventory: Item;
  locations: Location;
  customers: Customer;
  orders: Order;
  campaigns: Campaign;
  events: ShopEvent;
  hooks: Hook;
};
export type TableName = keyof Records;

export type Row<T> = { readonly id: number; readonly data: T; readonly createdAt: number; readonly updatedAt: number };

export type Times = { readonly at: number; readonly visibleAt: number };

const NAMES: readonly TableName[] = [
  'products',
  'inventory',
  'locations',
  'customers',
  'orders',
  'campaigns',
  'events',
  'hooks',
];
const FIRST_NUMBER = 7_000_000_000_001;

/** Told of a change that webhooks are about: topic as `products/update`, body in the shape of its payload. */
export type Listener = (topic: string, payload: JsonObject) => void;

export class Shop {
  readonly clock: Clock;
  readonly faults: Faults;
  readonly speed: number;
  /** Called after each change. */
  listener: Listener = () => undefined;
  readonly #tables: Readonly<Record<TableName, Table>>;
  #lastNumber = FIRST_NUMBER;

  constructor(options: { readonly clock: Clock; readonly faults: Faults; readonly speed: number }) {
    this.clock = options.clock;
    this.faults = options.faults;
    this.speed = options.speed;
    const empty = () => new Table();
    this.#tables = {
      ...{ products: empty(), inventory: empty(), locations: empty(), customers: empty() },
      ...{ orders: empty(), campaigns: empty(), events: empty(), hooks: empty() },
    };
  }

  /** What its own clock shows. */
  now(): number {
    return this.clock.now().getTime() + this.faults.clockSkewMs;
  }

  nextNumber(): number {
    this.#lastNumber += 1;
    return this.#lastNumber;
  }

  put<N extends TableName>(
    table: N,
    id: number,
    data: Records[N],
    times?: Partial<Times> & { createdAt?: number },
  ): void {
    const at = times?.at ?? this.now();
    this.#tables[table].put(String(id), { ...data } as unknown as JsonObject, { ...times, at });
  }

  remove(table: TableName, id: number, times?: Partial<Times>): void {
    this.#tables[table].put(String(id), null, { ...times, at: times?.at ?? this.now() });
  }

  get<N extends TableName>(table: N, id: number): Row<Records[N]> | null {
    const seen = this.#tables[table].get(String(id), this.now());
    return seen === null ? null : rowOf<Records[N]>(seen);
  }

  /** The newest data whoever sees it: what changes build on. */
  latest<N extends TableName>(table: N, id: number): Records[N] | null {
    return this.#tables[table].latest(String(id)) as unknown as Records[N] | null;
  }

  *all<N extends TableName>(table: N): Generator<Row<Records[N]>> {
    for (const seen of this.#tables[table].all(this.now())) yield rowOf<Records[N]>(seen);
  }

  save(): Json {
    return {
      lastNumber: this.#lastNumber,
      tables: Object.fromEntries(NAMES.map((name) => [name, this.#tables[name].save()])),
    };
  }

  load(saved: Json): void {
    const { lastNumber, tables } = saved as { lastNumber: number; tables: Record<string, Json> };
    this.#lastNumber = lastNumber;
    for (const name of NAMES) this.#tables[name].load(tables[name] ?? []);
  }
}

// Only `put` fills a table, so what comes out has the shape that went in.
function rowOf<T>(seen: { id: string; values: JsonObject; createdAt: number; updatedAt: number }): Row<T> {
  const data = seen.values as unknown as T;
  return { id: Number(seen.id), data, createdAt: seen.createdAt, updatedAt: seen.updatedAt };
}

/** `gid://shopify/Product/123` */
export const gid = (type: string, id: number | string): string => `gid://shopify/${type}/${id}`;

/** The number of a gid of this type; `null` for anything else. */
export function numberOf(type: string, id: unknown): number | null {
  const found = typeof id === 'string' ? /^gid:\/\/shopify\/([A-Za-z]+)\/(\d+)/.exec(id) : null;
  return found?.[1] === type ? Number(found[2]) : null;
}

/** Shopify tells times to the second. */
export const iso = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
