/** Where an entity was written to, and what became of the last write there. */
import type { EntityName } from '../canonical/entities.ts';
import { type Store, sql } from '../store/store.ts';

export type WrittenTo = {
  readonly connection: string;
  readonly stream: string;
  /** Location of a stock level; else empty. */
  readonly part: string;
  /** What the vendor calls it; `null`: it does not have it yet. */
  readonly externalId: string | null;
  /** Vendor fields that still hold what we wrote. */
  readonly fields: readonly string[];
  /** The last write that was not given up for a newer one. `null`: there was none to be made. */
  readonly last: {
    readonly action: string;
    readonly state: string;
    /** ISO 8601. */
    readonly at: string;
    readonly message: string | null;
  } | null;
};

/** @param id of `stock`: that of the variant */
export function writtenTo(
  store: Store,
  tenant: number,
  entity: EntityName | 'stock',
  id: number,
): Promise<readonly WrittenTo[]> {
  return store.answer(tenant, (tx) =>
    tx.rows<WrittenTo>(sql`
      with places as (
        select w.stream_id, w.part from stream s join write_state w on w.stream_id = s.id and w.entity_id = ${id}::bigint and w.entity = ${entity}
          where s.tenant = ${tenant} and s.direction = 'out'
        union select stream_id, part from write_ledger where tenant = ${tenant} and entity_id = ${id}::bigint and entity = ${entity})
      select c.name as connection, s.name as stream, p.part, w.external_id as "externalId",
        array(select jsonb_object_keys(w.written) order by 1) as fields,
        (select jsonb_build_object('action', l.action, 'state', l.state, 'at', coalesce(l.done_at, l.sent_at, l.created_at), 'message', l.outcome->>'message')
          from write_ledger l where l.stream_id = p.stream_id and l.entity_id = ${id}::bigint and l.part = p.part and l.state <> 'superseded' order by l.id desc limit 1) as last
      from places p join stream s on s.id = p.stream_id join connection c on c.id = s.connection_id
      left join write_state w on w.stream_id = p.stream_id and w.entity_id = ${id}::bigint and w.part = p.part and w.state = 'live'
      order by c.name, s.name, p.part`),
  );
}
