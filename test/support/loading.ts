/** Streams of scripted connections on a real store, run by the real `runSlice`. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config, ConnectionConfig } from '../../src/config/types.ts';
import type { Connector, Log, StreamDeclaration } from '../../src/connector/contract.ts';
import { mappingSets } from '../../src/load/mapping-sets.ts';
import type { Conflict } from '../../src/mapping/types.ts';
import { publishing } from '../../src/publishing.ts';
import type { RunDeps, RunStream } from '../../src/run/deps.ts';
import { createRun, type RunRow } from '../../src/run/runs.ts';
import { runSlice } from '../../src/run/slice.ts';
import type { RunMode } from '../../src/run/states.ts';
import { currentSet, decodeOf, PLATFORM, type Streams, settleStreams } from '../../src/run/streams.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { makeTestClock, type TestClock } from './clock.ts';
import { makeScript, type Script, scriptedConnector } from './scripted.ts';

export type ConnectionSpec = {
  readonly name: string;
  readonly streams: readonly { readonly name: string; readonly mappings: readonly string[] }[];
  readonly conflict?: Conflict;
  readonly writes?: readonly { readonly to: string; readonly mapping: string; readonly conflict?: Conflict }[];
  readonly stockAuthority?: boolean;
  readonly clockSkewMs?: number;
};

export type LoadingOptions = {
  readonly connections: readonly ConnectionSpec[];
  /** Text by mapping name. */
  readonly mappings: Readonly<Record<string, string>>;
  readonly streams: readonly StreamDeclaration[];
  readonly tenant?: string;
  readonly brake?: Config['deleteBrake'];
  readonly clock?: TestClock;
  readonly script?: Script;
  readonly connector?: (plain: Connector) => Connector;
  readonly leaseMs?: number;
  readonly sliceMs?: number;
};

/** A run with everything it counted. */
export type FinishedRun = RunRow & {
  rows: number;
  read: number;
  created: number;
  updated: number;
  unchanged: number;
  skipped: number;
  dead_lettered: number;
  deleted: number;
  tombstones: number;
  skipped_by: Record<string, number>;
  entities: Record<string, number>;
  error: { code: string; message: string } | null;
};

export type Loading = AsyncDisposable & {
  readonly store: Store;
  readonly script: Script;
  readonly clock: TestClock;
  readonly runs: RunDeps;
  readonly streams: Streams;
  stream(name: string): RunStream;
  /** Makes a run without working on it. @param name `connection/stream` */
  queue(name: string, mode?: RunMode): Promise<number>;
  /** Works on a run until it is at its end; time passes where it asks for it. */
  work(run: number): Promise<FinishedRun>;
  run(name: string, mode?: RunMode): Promise<FinishedRun>;
  row(run: number): Promise<FinishedRun>;
  setMapping(name: string, text: string): Promise<void>;
};

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const BRAKE = { share: 1, count: Number.MAX_SAFE_INTEGER };
/** More slices than any scripted run needs. */
const MOST_SLICES = 200;

export async function openLoading(store: Store, options: LoadingOptions): Promise<Loading> {
  const clock = options.clock ?? makeTestClock();
  const script = options.script ?? makeScript();
  const dir = await mkdtemp(join(tmpdir(), 'tributary-test-'));
  for (const [name, text] of Object.entries(options.mappings)) await writeFile(join(dir, `${name}.yaml`), text);
  const plain = scriptedConnector(script, options.streams);
  const connector = options.connector?.(plain) ?? plain;
  const config = configOf(options, dir);
  const streams = await settleStreams(store, config, new Map([[connector.name, connector]]), clock, () => ({}));
  const platform = await platformStreams(store);
  const streamOf = (id: number): RunStream => {
    const found = streams.byId(id);
    if (!found) throw new Error(`no stream ${id}`);
    return found;
  };
  const { written, push } = publishing({ store, clock, log: silent }, streams, [dir]);
  const open = (connection: string, signal: AbortSignal) => connector.open(null, { connection, signal } as never);
  const load: RunDeps['load'] = {
    written,
    store,
    clock,
    mappingSet: mappingSets(store, (id) => {
      const stream = streamOf(id);
      return { decode: decodeOf(stream.connector), complete: stream.mode === 'complete' };
    }),
    isPlatform: (id) => platform.has(id),
  };
  const runs: RunDeps = {
    store,
    clock,
    log: silent,
    load,
    push: push(load, open),
    leaseMs: config.leaseMs,
    sliceMs: config.sliceMs,
    pageSize: config.pageSize,
    brake: config.deleteBrake,
    stream: async (id) => streamOf(id),
    currentSet: (stream) => currentSet(store, clock, silent, config, stream, [dir]),
    open: async (stream, signal) => {
      const source = await open(stream.connection, signal);
      const declaration = options.streams.find((one) => one.name === stream.name);
      if (!declaration) throw new Error(`no stream ${stream.name} is declared`);
      return { source, declaration, scratchDir: dir };
    },
    onProgress: () => {},
  };
  const stream = (name: string): RunStream => {
    const [connection = '', of = ''] = name.split('/');
    return streams.find(connection, of);
  };
  const row = async (run: number): Promise<FinishedRun> => {
    const [found] = await store.rows<FinishedRun>(sql`select * from run where id = ${run}`);
    if (!found) throw new Error(`no run ${run}`);
    return found;
  };
  const loading: Loading = {
    store,
    script,
    clock,
    runs,
    streams,
    stream,
    row,
    async queue(name, asked = 'incremental') {
      const { tenant, id, writes } = stream(name);
      const mode = writes ? 'push' : asked;
      await clock.advance(1);
      const run = await createRun(store, { tenant, streamId: id, mode, trigger: 'command', dueAt: clock.now() });
      if (run === null) throw new Error(`a run of ${name} is due at this time already`);
      return run;
    },
    async work(run) {
      for (let slice = 0; slice < MOST_SLICES; slice += 1) {
        const result = await runSlice(runs, run, AbortSignal.timeout(60_000));
        if (result === null) return row(run);
        await clock.advance(Math.max(1, result.againInMs));
      }
      throw new Error(`run ${run} does not end`);
    },
    run: async (name, mode) => loading.work(await loading.queue(name, mode)),
    setMapping: (name, text) => writeFile(join(dir, `${name}.yaml`), text),
    [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }),
  };
  return loading;
}

async function platformStreams(store: Store): Promise<ReadonlySet<number>> {
  const rows = await store.rows<{ id: number }>(
    sql`select s.id from stream s join connection c on c.id = s.connection_id where c.name = ${PLATFORM}`,
  );
  return new Set(rows.map((row) => row.id));
}

function configOf(options: LoadingOptions, dir: string): Config {
  return {
    dir,
    file: null,
    tenant: options.tenant ?? 'acme',
    databaseUrl: null,
    redisUrl: null,
    host: '127.0.0.1',
    port: 0,
    publicUrl: null,
    secretKey: null,
    currency: 'EUR',
    mappingsDir: dir,
    connections: options.connections.map(connectionConfig),
    deleteBrake: options.brake ?? BRAKE,
    pageSize: 1000,
    sliceMs: options.sliceMs ?? 30_000,
    leaseMs: options.leaseMs ?? 60_000,
    retention: { rawDays: 90, outboxDays: 90, runDays: 90 },
    alerts: [],
    smtpUrl: null,
    allowedRoots: [],
    lowStock: 5,
    reservationMs: 60_000,
    requestsPerMinute: 1000,
    positions: {},
  };
}

const connectionConfig = (spec: ConnectionSpec): ConnectionConfig => ({
  name: spec.name,
  connector: 'scripted',
  direction: spec.writes ? 'both' : 'in',
  writes: (spec.writes ?? []).map((writes) => ({
    ...{ every: 'manual', timezone: 'UTC', conflict: 'last_write_wins' },
    ...writes,
  })),
  conflictResolution: spec.conflict ?? 'last_write_wins',
  stockAuthority: spec.stockAuthority ?? true,
  clockSkewMs: spec.clockSkewMs ?? 0,
  settings: {},
  streams: spec.streams.map(({ name, mappings }) => ({
    name,
    mappings,
    every: 'manual',
    timezone: 'UTC',
    settings: {},
  })),
});
