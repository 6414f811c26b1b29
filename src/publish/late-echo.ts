/**
 * A record can be read before the answer to our write of it is: it was loaded as somebody else's word then. Once the write is
 * settled it is known for what it is, and what it outranked comes back.
 */
import { ENTITY_NAMES } from '../canonical/entities.ts';
import type { JsonObject } from '../connector/contract.ts';
import { applyEntities, type Touch, touch } from '../load/entities.ts';
import { contributionsOfRecords, rawPages } from '../load/evaluate.ts';
import { ECHOED } from '../load/fold.ts';
import { writeOutbox } from '../load/outbox.ts';
import type { Outgoing } from '../mapping/outgoing-check.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { type IdBlocks, json, sql, type Tx } from '../store/store.ts';
import type { PublishDeps, PushStream } from './deps.ts';
import { compare } from './echo.ts';
import { type RecordHeld, recordValues } from './read-before.ts';

/** A write that was carried out: `written` is what the vendor made of the fields that it named. */
export type Done = {
  readonly entityId: number;
  readonly externalId: string;
  readonly sentAt: Date;
  readonly theirs: JsonObject;
  readonly written: JsonObject;
};

export async function markLateEchoes(
  deps: PublishDeps,
  tx: Tx,
  ids: IdBlocks,
  stream: PushStream,
  outgoing: Outgoing,
  done: readonly Done[],
): Promise<void> {
  const { twin } = stream;
  const entity = ENTITY_NAMES.find((name) => name === outgoing.entity);
  if (twin === null || entity === undefined || done.length === 0) return;
  const asked = done.map(({ externalId, sentAt }) => ({ id: externalId, at: sentAt.toISOString() }));
  const rows = await tx.rows<RecordHeld>(sql`
    select r.no, r.external_id, r.page_id, r.slot from jsonb_to_recordset(${json(asked)}) as n(id text, at timestamptz)
    join record r on r.stream_id = ${twin} and r.external_id = n.id and r.state = ${RECORD_STATE.live}
    join page p on p.id = r.page_id and p.observed_at >= n.at`);
  if (rows.length === 0) return;
  const pages = rawPages(tx);
  const records = await recordValues(stream, pages, rows);
  const contributions = await contributionsOfRecords(
    tx,
    twin,
    rows.map((row) => row.no),
  );
  const touches = new Map<number, Touch>();
  const marks: { no: number; page_id: number; fields: readonly string[]; changed: Record<string, number> }[] = [];
  for (const row of records.values()) {
    const write = done.find((one) => one.externalId === row.external_id);
    if (!write) continue;
    const fields = [...compare(outgoing, write, row.values).fields];
    const mine = contributions.filter(
      (one) => one.no === row.no && one.entity_id === write.entityId && one.state === 'live',
    );
    if (fields.length === 0 || mine.length === 0) continue;
    marks.push({
      no: row.no,
      page_id: row.page_id,
      fields,
      changed: Object.fromEntries(fields.map((name) => [name, ECHOED])),
    });
    touch(touches, write.entityId, entity, false);
  }
  if (marks.length === 0) return;
  const input = sql`jsonb_to_recordset(${json(marks)}) as n(no bigint, page_id bigint, fields text[], changed jsonb)`;
  await tx.rows(sql`
    insert into echo (tenant, stream_id, no, page_id, fields) select ${stream.tenant}, ${twin}, n.no, n.page_id, n.fields from ${input}
    on conflict (stream_id, no, page_id) do update set fields = (select array_agg(distinct f) from unnest(echo.fields || excluded.fields) as f)`);
  await tx.rows(sql`
    update contribution c set changed = coalesce(c.changed, '{}'::jsonb) || n.changed from ${input}
    where c.stream_id = ${twin} and c.no = n.no and c.entity = ${entity} and c.state = 'live'`);
  const at = deps.clock.now().toISOString();
  const { tenant, connectionId } = stream;
  const read = {
    tenant,
    id: twin,
    connectionId,
    name: outgoing.to,
    mode: 'complete',
    stockAuthority: false,
    clockSkewMs: 0,
  } as const;
  const { byEntity } = await applyEntities(deps.load, tx, pages, read, touches, new Set(), [], at);
  writeOutbox(tx, ids, tenant, null, at, byEntity, null);
}
