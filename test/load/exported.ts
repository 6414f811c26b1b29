/** What a tenant's store holds, in the form the oracle gives it, and the sums that must hold in any store. */
import { type Store, sql } from '../../src/store/store.ts';
import { type Exported, shownValue } from './oracle.ts';

const STATES: Readonly<Record<number, string>> = { 1: 'live', 2: 'filtered', 3: 'dead', 4: 'deleted' };

export async function exported(store: Store, tenant: number): Promise<Exported> {
  const speakers = await store.rows<{ entity_id: number; speaker: string }>(sql`
    select c.entity_id, n.name || '/' || s.name || '/' || r.external_id || '#' || c.output || ':' || c.state as speaker
    from contribution c join stream s on s.id = c.stream_id join connection n on n.id = s.connection_id
      join record r on r.stream_id = c.stream_id and r.no = c.no where c.tenant = ${tenant}`);
  const labels = new Map<number, string[]>();
  for (const { entity_id: id, speaker } of speakers) labels.set(id, [...(labels.get(id) ?? []), speaker]);
  const label = (id: number): string => (labels.get(id) ?? [`nobody speaks for ${id}`]).sort().join(' ');
  const products = await store.rows<{ id: number; archived: boolean } & Record<string, unknown>>(
    sql`select id, archived_at is not null as archived, sku, name, brand, kind, price::text as price, tags from product where tenant = ${tenant}`,
  );
  const variants = await store.rows<
    { id: number; archived: boolean; product_id: number | null } & Record<string, unknown>
  >(
    sql`select id, archived_at is not null as archived, product_id, sku, title, price::text as price from variant where tenant = ${tenant}`,
  );
  const shown = ({ id, archived, product_id, ...fields }: Record<string, unknown>, more: object): string =>
    JSON.stringify({
      speakers: label(Number(id)),
      isArchived: archived,
      ...more,
      ...Object.fromEntries(Object.entries(fields).map(([field, value]) => [field, shownValue(field, value)])),
    });
  const spots = await store.rows<{
    of: string;
    variant_id: number;
    place: string;
    quantity: number;
    as_of: number;
  }>(sql`
    select 'level' as of, variant_id, location as place, quantity, (extract(epoch from as_of) * 1000)::bigint as as_of from stock_level where tenant = ${tenant}
    union all
    select 'observation', o.variant_id, o.location || '/' || n.name || '/' || s.name, o.quantity, (extract(epoch from o.as_of) * 1000)::bigint
    from stock_observation o join stream s on s.id = o.stream_id join connection n on n.id = s.connection_id where o.tenant = ${tenant}`);
  const spotsOf = (of: string): string[] =>
    spots
      .filter((one) => one.of === of)
      .map((one) => `${label(one.variant_id)} @ ${one.place}: ${one.quantity} as of ${one.as_of}`)
      .sort();
  const records = await store.rows<{ name: string; state: number; version: number | null }>(sql`
    select n.name || '/' || s.name || '/' || r.external_id as name, r.state, r.version
    from record r join stream s on s.id = r.stream_id join connection n on n.id = s.connection_id where r.tenant = ${tenant}`);
  const waiting = await store.rows<{ line: string }>(sql`
    select n.name || '/' || s.name || '/' || r.external_id || ' ' || w.value || ' @ ' || w.location || ': ' || w.quantity || ' as of ' || (extract(epoch from w.as_of) * 1000)::bigint as line
    from stock_waiting w join stream s on s.id = w.stream_id join connection n on n.id = s.connection_id
      join record r on r.stream_id = w.stream_id and r.no = w.no where w.tenant = ${tenant}`);
  const letters = await store.rows<{ line: string }>(sql`
    select n.name || '/' || s.name || '/' || d.external_id as line
    from dead_letter d join stream s on s.id = d.stream_id join connection n on n.id = s.connection_id
    where d.tenant = ${tenant} and d.state = 'open' and d.external_id is not null`);
  return {
    records: records.map((row) => `${row.name} ${STATES[row.state]}${row.state === 4 ? '' : ` ${row.version}`}`).sort(),
    rows: [
      ...products.map((row) => shown(row, {})),
      ...variants.map((row) => shown(row, { product: row.product_id === null ? null : label(row.product_id) })),
    ].sort(),
    levels: spotsOf('level'),
    observations: spotsOf('observation'),
    waiting: waiting.map((row) => row.line).sort(),
    letters: letters.map((row) => row.line).sort(),
  };
}

/** Levels that are not the sum of their movements. */
export const unbalancedLevels = (store: Store, tenant: number): Promise<unknown[]> =>
  store.rows(sql`
    select l.variant_id, l.location, l.quantity, coalesce(sum(m.delta), 0)::bigint as moved from stock_level l
    left join stock_movement m on m.variant_id = l.variant_id and m.location = l.location
    where l.tenant = ${tenant} group by l.variant_id, l.location, l.quantity having l.quantity <> coalesce(sum(m.delta), 0)`);

/** What says when and how often something was done, not what is kept. */
const TRACES: Readonly<Record<string, readonly string[]>> = {
  dead_letter: ['times', 'last_at', 'run_id', 'page_id', 'slot', 'position'],
  stream: ['cursor'],
};
const BOOKS = ['run', 'run_log', 'page'];

/** Everything a tenant's tables hold but the books of what was done. */
export async function fingerprint(store: Store, tenant: number): Promise<Record<string, readonly string[]>> {
  const tables = await store.rows<{ name: string }>(
    sql`select table_name as name from information_schema.columns where table_schema = 'public' and column_name = 'tenant' order by 1`,
  );
  const held: Record<string, readonly string[]> = {};
  for (const { name } of tables) {
    if (BOOKS.includes(name)) continue;
    const rows = await store.rows<{ row: string }>(sql`
      select (to_jsonb(t) - ${sql.param([...(TRACES[name] ?? [])])}::text[])::text as row from ${sql.identifier(name)} t where tenant = ${tenant} order by 1`);
    held[name] = rows.map((row) => row.row);
  }
  return held;
}
