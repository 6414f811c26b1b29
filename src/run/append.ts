/** Records that come through our own API: the built-in connection `platform`. Each call is a run of one page, loaded at once. */
import { createHash } from 'node:crypto';
import { TributaryError } from '../errors.ts';
import { commitPage } from '../load/commit.ts';
import { mapRecord } from '../load/map-record.ts';
import { buildSet, decodeJson, registerSet } from '../load/mapping-sets.ts';
import type { LoadStream, MappingSet } from '../load/types.ts';
import type { Mapping, RecordProblem } from '../mapping/types.ts';
import { type Store, sql } from '../store/store.ts';
import type { RunDeps } from './deps.ts';
import { insertDue } from './request-run.ts';
import { moveRun } from './runs.ts';
import { PLATFORM } from './streams.ts';

export type PlatformStream = { readonly stream: LoadStream; readonly set: MappingSet };

/** The outcome of a record that was appended: the entity it speaks about, or why it cannot be taken. */
export type Appended =
  | { readonly kind: 'loaded'; readonly entityId: number }
  | { readonly kind: 'rejected'; readonly problems: readonly RecordProblem[] };

/** Writes the rows of a platform stream. A patch stream: a record says nothing about what it does not name. */
export async function settlePlatform(
  deps: Pick<RunDeps, 'store' | 'clock'>,
  tenant: number,
  name: string,
  mapping: Mapping,
): Promise<PlatformStream> {
  const { id: setId, members } = await registerSet(deps.store, deps.clock, tenant, [mapping], POLICY);
  const [row] = await deps.store.transaction(async (tx) => {
    const [connection] = await tx.rows<{ id: number }>(sql`
      insert into connection (tenant, name, connector, direction, settings, stock_authority) values (${tenant}, ${PLATFORM}, ${PLATFORM}, 'in', '{}'::jsonb, false)
      on conflict (tenant, name) do update set removed_at = null returning id`);
    return tx.rows<{ id: number; connection_id: number }>(sql`
      insert into stream (tenant, connection_id, name, every, mapping_set) values (${tenant}, ${connection?.id ?? 0}, ${name}, 'manual', ${setId})
      on conflict (connection_id, name) do update set mapping_set = excluded.mapping_set, removed_at = null returning id, connection_id`);
  });
  if (!row) throw new TributaryError('ERR_INTERNAL', `stream ${PLATFORM}/${name} could not be made`);
  await endOrphans(deps, row.id);
  const [member] = members;
  return {
    stream: {
      ...{ tenant, name, id: row.id, connectionId: row.connection_id },
      ...{ mode: 'patch', stockAuthority: false, clockSkewMs: 0 },
    },
    set: buildSet(setId, member ? [{ id: member.id, mapping }] : [], POLICY, decodeJson, false),
  };
}

/** Calls whose program was killed: nobody else takes their runs up, and their callers got no answer. */
async function endOrphans({ store, clock }: Pick<RunDeps, 'store' | 'clock'>, streamId: number): Promise<void> {
  const now = clock.now().toISOString();
  await store.rows(sql`
    update run set state = case when read > 0 then 'succeeded' else 'failed' end, lease_until = null, finished_at = ${now}::timestamptz
    where stream_id = ${streamId} and state = 'running' and lease_until < ${now}::timestamptz`);
}

const POLICY = { default: 'last_write_wins' } as const;

/**
 * Loads one record. What the mapping rejects is told to the caller and not kept: there is somebody to correct it.
 * @param key external id within the stream; the same key speaks about the same record again
 * @param values what JSON can say; an absent field is no opinion
 */
export async function append(
  deps: RunDeps,
  { stream, set }: PlatformStream,
  key: string,
  values: Readonly<Record<string, unknown>>,
): Promise<Appended> {
  const bytes = Buffer.from(JSON.stringify({ key, ...values }));
  const observedAt = deps.clock.now();
  const raw = { parts: [bytes], context: {}, position: 1, id: key, version: null };
  const { id, version, outcome } = mapRecord(set, raw, observedAt);
  if (outcome.kind === 'rejected') return { kind: 'rejected', problems: outcome.problems };
  const runId = await startRun(deps, stream, set);
  const hash = createHash('sha256').update(bytes).digest().subarray(0, 16);
  await commitPage(deps.load, {
    ...{ stream, set, moveCheckpoint: false, durable: true, otherScopes: false, mayExist: () => true },
    fence: { runId, epoch: 1, seq: 0 },
    page: {
      candidates: [{ id, hash, parts: raw.parts, version, position: 1, place: 0, outcome }],
      ...{ recognised: [], tombstones: [], problems: [], rows: 1, complete: false, expected: null },
      window: { id: key, kind: 'delta', scope: stream.name },
      ...{ observedAt, context: {}, next: null, again: false, isStored: false },
    },
  });
  await moveRun(deps.store, runId, 'succeeded', deps.clock.now(), { epoch: 1 });
  return { kind: 'loaded', entityId: await entityOf(deps.store, stream, key) };
}

/** A run that this call works on alone: made with its lease, so that no worker takes it up. */
async function startRun(deps: RunDeps, stream: LoadStream, set: MappingSet): Promise<number> {
  const id = (await deps.store.newIds(1)).next();
  const now = deps.clock.now();
  const leaseUntil = new Date(now.getTime() + deps.leaseMs).toISOString();
  await insertDue(now, `${PLATFORM}/${stream.name}`, (dueAt) =>
    deps.store.rows(sql`
      insert into run (id, tenant, stream_id, state, mode, trigger, due_at, mapping_set, lease_epoch, lease_until, started_at)
      values (${id}, ${stream.tenant}, ${stream.id}, 'running', 'incremental', 'api', ${dueAt}::timestamptz, ${set.id}, 1, ${leaseUntil}::timestamptz, ${now.toISOString()}::timestamptz)
      on conflict (stream_id, due_at) do nothing returning id`),
  );
  return id;
}

async function entityOf(store: Store, stream: LoadStream, key: string): Promise<number> {
  const [row] = await store.rows<{ entity_id: number }>(sql`
    select c.entity_id from record r join contribution c on c.stream_id = r.stream_id and c.no = r.no
    where r.stream_id = ${stream.id} and r.external_id = ${key} and c.state = 'live' order by c.output limit 1`);
  if (row) return row.entity_id;
  throw new TributaryError('ERR_LOAD_MATCH_AMBIGUOUS', 'Several entities answer to what this record says.');
}
