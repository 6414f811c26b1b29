/** Finding canonical entities by their match keys. A blank key never matches; several hits are never guessed between. */
import type { EntityName } from '../canonical/entities.ts';
import { tableOf } from '../store/columns.ts';
import { sql, type Tx, texts } from '../store/store.ts';
import { entry } from './entry.ts';
import { keyFields } from './rows.ts';

/** Wanted keys, and after `find` the entities they hit. */
export type Matches = {
  want(entity: EntityName, field: string, value: string): void;
  /** What may turn up while this page waits for it must not turn up unseen. */
  lock(entity: EntityName): void;
  anyWanted(): boolean;
  /** Looks all wanted keys up. Holds the tenant's lock on each entity until the transaction ends, so that two streams cannot create one thing twice. */
  find(): Promise<void>;
  /** Ids that carry the key; those created in this page among them. */
  hits(entity: EntityName, field: string, value: string): readonly number[];
  /** Whether an entity that was found, or made in this page, has another value there. One without a value has none. */
  differs(id: number, key: Key): boolean;
  /** Whether an entity would be found by other wanted keys than now, if it carried these. */
  wouldMove(entity: EntityName, id: number, keys: readonly Key[]): boolean;
  /** The entity is found by these keys from now on, and by no others. */
  move(entity: EntityName, id: number, keys: readonly Key[]): void;
  /** An entity of this page that will carry the key. */
  created(entity: EntityName, field: string, value: string, id: number): void;
};

export type Key = { readonly field: string; readonly value: string };

const NONE: readonly number[] = [];

/** Ids that carry a key: mostly none or one. */
type Hits = Map<string, readonly number[]>;

export function matches(tx: Tx, tenant: number): Matches {
  const wanted = new Map<EntityName, Map<string, Hits>>();
  const locked = new Set<EntityName>();
  /** Wanted keys of the entities that were found. */
  const carried = new Map<number, Key[]>();
  /** All keys of entities, by field. */
  const stated = new Map<number, Map<string, string>>();
  const keysOf = (id: number): Map<string, string> => entry(stated, id, () => new Map<string, string>());
  const bucket = (entity: EntityName, field: string): Hits =>
    entry(
      entry(wanted, entity, () => new Map<string, Hits>()),
      field,
      () => new Map(),
    );
  return {
    want(entity, field, value) {
      const hits = bucket(entity, field);
      if (!hits.has(value)) hits.set(value, NONE);
    },
    lock: (entity) => locked.add(entity),
    anyWanted: () => wanted.size > 0,
    async find() {
      // Always in the same order, so that two pages never wait for each other.
      for (const entity of [...new Set([...wanted.keys(), ...locked])].sort()) {
        await tx.rows(sql`select pg_advisory_xact_lock(hashtext(${entity}), ${tenant}::integer)`);
      }
      for (const [entity, fields] of wanted) {
        for (const [field, hits] of fields) {
          const key = sql.identifier(`${field}_key`);
          const others = keyFields(entity).filter((one) => one !== field);
          const columns = others.map((one) => sql`, ${sql.identifier(`${one}_key`)} as ${sql.identifier(one)}`);
          const found = await tx.rows<{ id: number; key: string } & Record<string, unknown>>(
            sql`select id, ${key} as key ${sql.join(columns)} from ${sql.identifier(tableOf(entity))}
                where tenant = ${tenant} and ${key} = any(${texts([...hits.keys()])}) and merged_into is null`,
          );
          for (const { id, key: value, ...rest } of found) {
            hits.set(value, [...(hits.get(value) ?? NONE), id]);
            entry(carried, id, (): Key[] => []).push({ field, value });
            const known = keysOf(id).set(field, value);
            for (const one of others) if (typeof rest[one] === 'string') known.set(one, rest[one]);
          }
        }
      }
    },
    hits: (entity, field, value) => wanted.get(entity)?.get(field)?.get(value) ?? NONE,
    differs: (id, { field, value }) => (stated.get(id)?.get(field) ?? value) !== value,
    wouldMove(entity, id, keys) {
      const isFound = ({ field, value }: Key): boolean => bucket(entity, field).get(value)?.includes(id) ?? true;
      const isKept = (one: Key): boolean => keys.some(({ field, value }) => field === one.field && value === one.value);
      return !keys.every(isFound) || !(carried.get(id) ?? []).every(isKept);
    },
    move(entity, id, keys) {
      stated.set(id, new Map(keys.map(({ field, value }) => [field, value])));
      for (const { field, value } of carried.get(id) ?? []) {
        const hits = bucket(entity, field);
        hits.set(
          value,
          (hits.get(value) ?? NONE).filter((one) => one !== id),
        );
      }
      for (const { field, value } of keys) {
        const hits = bucket(entity, field).get(value);
        if (hits && !hits.includes(id)) bucket(entity, field).set(value, [...hits, id]);
      }
    },
    created(entity, field, value, id) {
      keysOf(id).set(field, value);
      const hits = bucket(entity, field);
      const known = hits.get(value) ?? NONE;
      if (!known.includes(id)) hits.set(value, known.length === 0 ? [id] : [...known, id]);
    },
  };
}
