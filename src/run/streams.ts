/** Connections and streams of the configuration as rows, and what runs need to know of each. */
import { join } from 'node:path';
import type { Config, ConnectionConfig, StreamConfig, WriteConfig } from '../config/types.ts';
import type { Clock, Connector, Log } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { buildSet, type Decode, decodeJson, loadSet, registerSet } from '../load/mapping-sets.ts';
import type { MappingSet } from '../load/types.ts';
import { loadMapping } from '../mapping/load.ts';
import type { Mapping } from '../mapping/types.ts';
import { json, numbers, type Store, sql } from '../store/store.ts';
import type { RunStream } from './deps.ts';

export type Streams = {
  readonly tenant: number;
  /** Streams the configuration names, in its order. */
  readonly all: readonly RunStream[];
  byId(id: number): RunStream | null;
  /** @throws ERR_NOT_FOUND naming what there is */
  find(connection: string, stream: string): RunStream;
};

/** Name of the built-in connection that our own API speaks through. */
export const PLATFORM = 'platform';

/** Ends the name of a stream that is written to, beside the one of the same records that is read. */
export const OUT = ':out';

/** Writes the configuration's connections and streams; what it no longer names is kept and not scheduled. */
export async function settleStreams(
  store: Store,
  config: Config,
  connectors: ReadonlyMap<string, Connector>,
  clock: Clock,
  maskOf: (connection: ConnectionConfig) => unknown,
): Promise<Streams> {
  const at = clock.now().toISOString();
  const { tenant, rows } = await store.transaction(async (tx) => {
    await tx.rows(
      sql`insert into tenant (name, created_at) values (${config.tenant}, ${at}::timestamptz) on conflict (name) do nothing`,
    );
    const [row] = await tx.rows<{ id: number }>(sql`select id from tenant where name = ${config.tenant} for update`);
    if (!row) throw new TributaryError('ERR_INTERNAL', `tenant ${config.tenant} could not be made`);
    const found: {
      connectionId: number;
      streamId: number;
      connection: ConnectionConfig;
      stream: StreamConfig;
      writes: WriteConfig | null;
    }[] = [];
    for (const connection of config.connections) {
      const [made] = await tx.rows<{ id: number }>(sql`
        insert into connection (tenant, name, connector, direction, settings, stock_authority)
        values (${row.id}, ${connection.name}, ${connection.connector}, ${connection.direction}, ${json(maskOf(connection))}, ${connection.stockAuthority})
        on conflict (tenant, name) do update set connector = excluded.connector, direction = excluded.direction, settings = excluded.settings,
          stock_authority = excluded.stock_authority, removed_at = null returning id`);
      for (const named of connection.streams) {
        const stream = withSchedules(named, connectors.get(connection.connector));
        const [known] = await tx.rows<{ id: number }>(sql`
          insert into stream (tenant, connection_id, name, every, timezone, reconcile, sweep)
          values (${row.id}, ${made?.id ?? 0}, ${named.name}, ${stream.every}, ${stream.timezone}, ${stream.reconcile}, ${stream.sweep})
          on conflict (connection_id, name) do update set
            next_due_at = case when stream.every = excluded.every and stream.timezone = excluded.timezone then stream.next_due_at end,
            next_reconcile_at = case when stream.reconcile = excluded.reconcile and stream.timezone = excluded.timezone then stream.next_reconcile_at end,
            next_sweep_at = case when stream.sweep = excluded.sweep and stream.timezone = excluded.timezone then stream.next_sweep_at end,
            every = excluded.every, timezone = excluded.timezone, reconcile = excluded.reconcile, sweep = excluded.sweep, removed_at = null returning id`);
        found.push({ connectionId: made?.id ?? 0, streamId: known?.id ?? 0, connection, stream, writes: null });
      }
      for (const writes of connection.writes) {
        const stream = { ...writes, name: `${writes.to}${OUT}`, mappings: [writes.mapping], settings: {} };
        // One that was away has missed changes: it begins with everything again.
        const [known] = await tx.rows<{ id: number }>(sql`
          insert into stream (tenant, connection_id, name, direction, every, timezone)
          values (${row.id}, ${made?.id ?? 0}, ${stream.name}, 'out', ${stream.every}, ${stream.timezone})
          on conflict (connection_id, name) do update set
            next_due_at = case when stream.every = excluded.every and stream.timezone = excluded.timezone then stream.next_due_at end,
            cursor = case when stream.removed_at is null then stream.cursor end,
            every = excluded.every, timezone = excluded.timezone, removed_at = null returning id`);
        found.push({ connectionId: made?.id ?? 0, streamId: known?.id ?? 0, connection, stream, writes });
      }
    }
    const kept = numbers(found.map((one) => one.streamId));
    await tx.rows(
      sql`update stream set removed_at = ${at}::timestamptz where tenant = ${row.id} and removed_at is null and not (id = any(${kept}))`,
    );
    await tx.rows(sql`update connection set removed_at = ${at}::timestamptz where tenant = ${row.id} and removed_at is null and name <> ${PLATFORM}
      and not (name = any(${sql.param(config.connections.map((one) => one.name))}::text[]))`);
    return { tenant: row.id, rows: found };
  });
  const all = rows.map(({ connectionId, streamId, connection, stream, writes }) => ({
    ...runStream(tenant, connectionId, streamId, connection, stream, connectors),
    writes,
  }));
  const ids = new Map(all.map((one) => [one.id, one]));
  return {
    tenant,
    all,
    byId: (id) => ids.get(id) ?? null,
    find(connection, stream) {
      const found = all.find((one) => one.connection === connection && one.name === stream);
      if (found) return found;
      throw new TributaryError(
        'ERR_NOT_FOUND',
        `There is no stream ${connection}/${stream}; there is: ${all.map((one) => `${one.connection}/${one.name}`).join(', ') || 'none'}.`,
      );
    },
  };
}

/** Where nothing is configured, a stream is reconciled and swept if it needs that to be whole. */
function withSchedules(stream: StreamConfig, connector: Connector | undefined) {
  const declared = connector?.streams?.find((one) => one.name === stream.name);
  return {
    ...stream,
    reconcile: stream.reconcile ?? (declared?.deletes.includes('absence') ? 'daily' : 'manual'),
    sweep: stream.sweep ?? (declared && declared.blindFields.length > 0 ? 'hourly' : 'manual'),
  };
}

function runStream(
  tenant: number,
  connectionId: number,
  id: number,
  connection: ConnectionConfig,
  stream: StreamConfig,
  connectors: ReadonlyMap<string, Connector>,
): Omit<RunStream, 'writes'> {
  const connector = connectors.get(connection.connector);
  if (!connector)
    throw new TributaryError(
      'ERR_CONNECTOR_UNKNOWN',
      `Connection ${connection.name} names the connector ${connection.connector}; there is: ${[...connectors.keys()].join(', ')}.`,
    );
  const declared = connector.streams?.find((one) => one.name === stream.name)?.mode;
  return {
    tenant,
    id,
    connectionId,
    name: stream.name,
    connection: connection.name,
    config: stream,
    connector,
    mode: declared ?? (stream.settings['mode'] === 'patch' ? 'patch' : 'complete'),
    stockAuthority: connection.stockAuthority,
    clockSkewMs: connection.clockSkewMs,
  };
}

export const decodeOf = (connector: Connector): Decode => connector.decode ?? decodeJson;

/**
 * The stream's mappings as their files say now, registered. A broken edit leaves the last good version running, and
 * says so. @throws ERR_MAPPING_INVALID when there is no good version
 */
export async function currentSet(
  store: Store,
  clock: Clock,
  log: Log,
  config: Config,
  stream: RunStream,
  folders: readonly string[],
): Promise<MappingSet> {
  const policy = {
    default: config.connections.find((one) => one.name === stream.connection)?.conflictResolution ?? 'last_write_wins',
  } as const;
  const complete = stream.mode === 'complete';
  try {
    const mappings = stream.config.mappings.map((name) => findMapping(name, folders));
    const { id, members } = await registerSet(store, clock, stream.tenant, mappings, policy);
    await store.rows(
      sql`update stream set mapping_set = ${id} where id = ${stream.id} and mapping_set is distinct from ${id}`,
    );
    return buildSet(
      id,
      members.flatMap((member, at) => (mappings[at] ? [{ id: member.id, mapping: mappings[at] }] : [])),
      policy,
      decodeOf(stream.connector),
      complete,
    );
  } catch (thrown) {
    if (!(thrown instanceof TributaryError) || thrown.code !== 'ERR_MAPPING_INVALID') throw thrown;
    const [row] = await store.rows<{ mapping_set: number | null }>(
      sql`select mapping_set from stream where id = ${stream.id}`,
    );
    if (!row?.mapping_set) throw thrown;
    log.warn(
      { connection: stream.connection, stream: stream.name },
      `${thrown.message}\nThe last good version goes on being used.`,
    );
    const { members, policy: kept } = await loadSet(store, row.mapping_set);
    return buildSet(row.mapping_set, members, kept, decodeOf(stream.connector), complete);
  }
}

/** A mapping by name: the operator's folder first, then the shipped ones. @throws ERR_MAPPING_UNKNOWN, ERR_MAPPING_INVALID */
export function findMapping(name: string, folders: readonly string[]): Mapping {
  for (const folder of folders) {
    try {
      return loadMapping(join(folder, `${name}.yaml`));
    } catch (thrown) {
      if (!(thrown instanceof TributaryError) || thrown.code !== 'ERR_MAPPING_UNKNOWN') throw thrown;
    }
  }
  throw new TributaryError('ERR_MAPPING_UNKNOWN', `There is no mapping ${name} in ${folders.join(' or ')}.`);
}
