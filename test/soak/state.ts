/**
 * Everything a sync leaves behind, as lines `kind, key, value` without generated ids or times of this store: two syncs of
 * the same feeds leave the same lines, whatever happened on the way.
 */
import { ENTITIES, ENTITY_NAMES, type EntityName } from '../../src/canonical/entities.ts';
import { columnOf, tableOf } from '../../src/store/columns.ts';
import { type SQL, type Store, sql } from '../../src/store/store.ts';

export type Line = { readonly kind: string; readonly key: string; readonly value: string };

const ms = (column: string): SQL => sql.raw(`(extract(epoch from ${column}) * 1000)::bigint`);
const RECORD = sql.raw(`s.name || '/' || r.external_id`);
const OF_RECORD = sql.raw('join stream s on s.id = r.stream_id');
const OF_VARIANT = sql.raw(`join variant v on v.id = t.variant_id`);
const COUNTERS = [
  'rows',
  'read',
  'created',
  'updated',
  'unchanged',
  'skipped',
  'dead_lettered',
  'deleted',
  'tombstones',
];

/** Kinds of lines with the statement that gives their keys and values. */
const KINDS: Readonly<Record<string, SQL>> = {
  ...Object.fromEntries(ENTITY_NAMES.map((entity) => [entity, entityLines(entity)])),
  record: sql`select ${RECORD} as key, concat_ws(' ', encode(r.hash, 'hex'), r.version, r.state, r.scope) as value from record r ${OF_RECORD}`,
  record_history: sql`select ${RECORD} as key, concat_ws(' ', encode(h.hash, 'hex'), h.version, h.state) as value
    from record_history h join record r on r.stream_id = h.stream_id and r.no = h.no ${OF_RECORD}`,
  contribution: sql`select concat_ws(' ', ${RECORD}, c.entity, c.output) as key, concat_ws(' ', c.state, c.since, c.changed, coalesce(p.sku_key, v.sku_key)) as value
    from contribution c join record r on r.stream_id = c.stream_id and r.no = c.no ${OF_RECORD}
    left join product p on p.id = c.entity_id left join variant v on v.id = c.entity_id`,
  contribution_of_none: sql`select c.no::text as key, c.entity as value from contribution c where not exists (select 1 from record r where r.stream_id = c.stream_id and r.no = c.no)`,
  dead_letter: sql`select concat_ws(' ', s.name, coalesce(r.external_id, 'line ' || r.position)) as key, concat_ws(' ', r.code, r.state, r.times, r.position, r.problems) as value
    from dead_letter r ${OF_RECORD}`,
  held_delete: sql`select ${RECORD} as key, r.state as value from held_delete r ${OF_RECORD}`,
  reference: sql`select concat_ws(' ', entity, field, target, key, value) as key, (target_id is not null)::text as value from reference`,
  stock_level: sql`select concat_ws(' ', v.sku_key, t.location) as key, concat_ws(' ', t.quantity, t.reserved, t.committed, ${ms('t.as_of')}) as value from stock_level t ${OF_VARIANT}`,
  stock_level_not_its_movements: sql`select concat_ws(' ', v.sku_key, t.location) as key, concat_ws(' ', t.quantity, m.sum) as value
    from stock_level t ${OF_VARIANT} left join (select variant_id, location, sum(delta) from stock_movement group by 1, 2) m using (variant_id, location) where t.quantity <> coalesce(m.sum, 0)`,
  stock_movement: sql`select concat_ws(' ', v.sku_key, t.location) as key, concat_ws(' ', t.delta, t.reason, ${ms('t.as_of')}) as value from stock_movement t ${OF_VARIANT}`,
  stock_observation: sql`select concat_ws(' ', v.sku_key, t.location) as key, concat_ws(' ', t.quantity, ${ms('t.as_of')}) as value from stock_observation t ${OF_VARIANT}`,
  stock_waiting: sql`select concat_ws(' ', ${RECORD}, w.location) as key, concat_ws(' ', w.value, w.quantity, ${ms('w.as_of')}) as value
    from stock_waiting w join record r on r.stream_id = w.stream_id and r.no = w.no ${OF_RECORD}`,
  outbox: sql`select concat_ws(' ', entity, change) as key, sum(cardinality(ids))::text as value from outbox group by 1`,
  page: sql`select concat_ws(' ', s.name, r.window_id) as key, sum(r.read)::text as value from page r ${OF_RECORD} group by 1`,
  cursor: sql`select name as key, concat_ws(' ', next_no, cursor) as value from stream where removed_at is null`,
  counter: sql`select concat_ws(' ', s.name, n.name) as key, sum(n.value::bigint)::text as value
    from run r ${OF_RECORD}, jsonb_each_text(jsonb_build_object(${sql.raw(COUNTERS.map((name) => `'${name}', r.${name}`).join(', '))}) ||
      coalesce((select jsonb_object_agg('skipped ' || key, value) from jsonb_each(r.skipped_by)), '{}') ||
      coalesce((select jsonb_object_agg('entity ' || key, value) from jsonb_each(r.entities)), '{}')) as n(name, value)
    group by 1 having sum(n.value::bigint) <> 0`,
};

/** Fields by name; references by the SKU of what they refer to. */
function entityLines(entity: EntityName): SQL {
  const values = Object.entries(ENTITIES[entity].fields).map(([name, field]) => {
    const column = `t.${columnOf(name, field)}`;
    const target =
      field.type === 'reference' && (name === 'product' || name === 'variant')
        ? `(select sku_key from ${name} o where o.id = ${column})`
        : column;
    return `'${name}', ${target}`;
  });
  const table = tableOf(entity);
  const key = 'sku' in ENTITIES[entity].fields ? 'coalesce(t.sku_key, t.id::text)' : 't.id::text';
  return sql.raw(
    `select ${key} as key, jsonb_build_object('archived', t.archived_at is not null, ${values.join(', ')})::text as value from "${table}" t`,
  );
}

/** All lines, in order. */
export async function stateOf(store: Store): Promise<Line[]> {
  const lines: Line[] = [];
  for (const [kind, query] of Object.entries(KINDS)) {
    const rows = await store.rows<{ key: string; value: string }>(
      sql`select key, value from (${query}) as lines order by key collate "C", value collate "C"`,
    );
    for (const { key, value } of rows) lines.push({ kind, key, value });
  }
  return lines;
}

export type Unbalanced = {
  readonly run: number;
  readonly stream: string;
  readonly state: string;
  readonly read: number;
  readonly outcomes: number;
};

/** Runs that are not at an end, failed, or do not balance. */
export function unbalancedRuns(store: Store): Promise<Unbalanced[]> {
  return store.rows(sql`
    select r.id as run, s.name as stream, r.state, r.read, r.created + r.updated + r.unchanged + r.skipped + r.dead_lettered as outcomes
    from run r ${OF_RECORD} where r.read <> r.created + r.updated + r.unchanged + r.skipped + r.dead_lettered or r.state in ('queued', 'running') order by 1`);
}
