/** Finding canonical entities by their match keys. A blank key never matches; several hits are never guessed between. */
import type { EntityName } from '../canonical/entities.ts';
import { tableOf } from '../store/columns.ts';
import { sql, texts, type Tx } from '../store/store.ts';

/** Wanted keys, and after `find` the entities they hit. */
export type Matches = {
  want(entity: EntityName, field: string, value: string): void;
  /** Looks all wanted keys up. Holds the tenant's lock on each entity until the transaction ends, so that two streams cannot create one thing twice. */
  find(): Promise<void>;
  /** Ids that carry the key; those created in this page among them. */
  hits(entity: EntityName, field: string, value: string): readonly number[];
  /** An entity of this page that will carry the key. */
  created(entity: EntityName, field: string, value: string, id: number): void;
};

const NONE: readonly number[] = [];

export function matches(tx: Tx, tenant: number): Matches {
  const wanted = new Map<string, { entity: EntityName; field: string; hits: Map<string, number[]> }>();
  const bucket = (entity: EntityName, field: string) => {
    const name = `${entity}.${field}`;
    let found = wanted.get(name);
    if (!found) {
      found = { entity, field, hits: new Map() };
      wanted.set(name, found);
    }
    return found.hits;
  };
  return {
    want(entity, field, value) {
      const hits = bucket(entity, field);
      if (!hits.has(value)) hits.set(value, []);
    },
    async find() {
      const buckets = [...wanted.values()].sort((a, b) => (`${a.entity}.${a.field}` < `${b.entity}.${b.field}` ? -1 : 1));
      for (const entity of new Set(buckets.map((one) => one.entity))) {
        await tx.rows(sql`select pg_advisory_xact_lock(hashtext(${entity}), ${tenant}::integer)`);
      }
      for (const { entity, field, hits } of buckets) {
        const key = sql.identifier(`${field}_key`);
        const found = await tx.rows<{ id: number; key: string }>(
          sql`select id, ${key} as key from ${sql.identifier(tableOf(entity))}
              where tenant = ${tenant} and ${key} = any(${texts([...hits.keys()])}) and merged_into is null`,
        );
        for (const { id, key: value } of found) hits.get(value)?.push(id);
      }
    },
    hits: (entity, field, value) => wanted.get(`${entity}.${field}`)?.hits.get(value) ?? NONE,
    created(entity, field, value, id) {
      const hits = bucket(entity, field);
      const known = hits.get(value);
      if (!known) hits.set(value, [id]);
      else if (!known.includes(id)) known.push(id);
    },
  };
}
