/** Counters of a run's row, which every transaction of a run adds to. */
import { type SQL, sql } from '../store/store.ts';
import type { Counts } from './types.ts';

/** What an `update run set` says to add these. */
export const countsAdded = (counts: Counts): SQL => sql`
  rows = rows + ${counts.rows}, read = read + ${counts.read}, created = created + ${counts.created}, updated = updated + ${counts.updated},
  unchanged = unchanged + ${counts.unchanged}, skipped = skipped + ${counts.skipped}, dead_lettered = dead_lettered + ${counts.deadLettered},
  deleted = deleted + ${counts.deleted}, tombstones = tombstones + ${counts.tombstones},
  skipped_by = ${addUp('skipped_by', counts.skippedBy)}, entities = ${addUp('entities', counts.entities)}`;

/** Adds counts by name to a jsonb column of counts. */
function addUp(column: string, by: Readonly<Record<string, number>>): SQL {
  return sql`(select coalesce(jsonb_object_agg(key, total), '{}') from (
    select key, sum(value::bigint) as total from (
      select key, value from jsonb_each_text(run.${sql.identifier(column)}) union all select key, value from jsonb_each_text(${JSON.stringify(by)}::jsonb)) as both_counts group by key) as totals)`;
}
