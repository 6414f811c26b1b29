/**
 * One seed of the hostile soak: a vendor system that misbehaves, read by runs of the real program into a database of its own,
 * whose workers die and stand still; and what is left when all has settled.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { StreamDeclaration } from '../../src/connector/contract.ts';
import { silentLog } from '../../src/observe/log.ts';
import type { RunDeps, RunStream } from '../../src/run/deps.ts';
import { createRun } from '../../src/run/runs.ts';
import { runSlice } from '../../src/run/slice.ts';
import { isFinal, type RunMode, type RunState } from '../../src/run/states.ts';
import { type Hostile, makeHostile } from '../../src/sandbox/hostile.ts';
import { type Random, randomOf } from '../../src/sandbox/random.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { sql } from '../../src/store/store.ts';
import { createDatabase } from '../support/services/postgres.ts';
import type { Alteration } from './alterations.ts';
import { type SoakClock, soakClock } from './hostile-clock.ts';
import { openReceiver, type Receiver } from './hostile-inbound.ts';
import type { HostileLife } from './hostile-process.ts';
import { alterationFor, connectorsWithout, type HostileSafety } from './hostile-safeties.ts';
import { streamsOf, TARGETS, type Target } from './hostile-targets.ts';
import { type Findings, unbalanced, verifyStream } from './hostile-verify.ts';
import { startLife } from './lives.ts';
import { PLACES, type Tap, tapStore } from './tapped-store.ts';

export type SeedResult = Findings & {
  readonly target: string;
  readonly streams: readonly string[];
  readonly cursors: readonly StreamDeclaration['cursor'][];
  readonly played: Readonly<Record<string, number>>;
  /** Webhooks by what became of them. */
  readonly deliveries: Readonly<Record<string, number>>;
  readonly deaths: { readonly cut: number; readonly killed: number; readonly frozen: number };
  readonly runs: number;
  readonly failedRuns: number;
};

/** Long enough that its heartbeat, a third of it, is parked by the clock. */
const LEASE_MS = 3 * 60 * 60_000;
const ROUNDS = 4;
const STREAMS = 2;
const MOST_SLICES = 400;
/** One seed in so many has a worker that is really killed. */
const REAL_KILLS = 20;
/** Where a worker of this process dies; that it is copying is only told to who strikes for real. */
const CUTS = ['transaction', 'before-commit', 'after-commit', 'before-write', 'after-write'] as const;
const MINUTE_MS = 60_000;
/** Changes at the end that the vendor tells of, and nobody else. */
const LAST_WORDS = 4;

const template = {
  name: 'hostile',
  build: async (url: string) => {
    const store = await openPostgres(url, { connections: 1 });
    await migrate(store);
    await store.close();
  },
};

/** @param names the targets that seeds take in turn, moved on by one now and then so that real kills come to all */
export async function trySeed(
  server: string,
  seed: number,
  safety: HostileSafety | null,
  names: readonly string[] = Object.keys(TARGETS),
): Promise<SeedResult> {
  const name = names[(seed + Math.floor(seed / (3 * REAL_KILLS))) % names.length] ?? '';
  const target = TARGETS[name];
  if (!target) throw new Error(`there is no target ${name}`);
  await using database = await createDatabase(server, template);
  const dir = await mkdtemp(join(tmpdir(), 'tributary-hostile-'));
  const random = randomOf(seed * 104_729 + 1);
  const clock = soakClock(new Date('2026-11-21T12:00:00Z'));
  const declared = target.connector.streams ?? [];
  const hostile = makeHostile({ seed, clock, bearsMs: target.bearsMs, optional: target.optional });
  const system = await target.open({ world: makeWorld(), clock, faults: hostile.faults }, seed);
  try {
    const streams = random.shuffle(streamsOf(target, system)).slice(0, STREAMS);
    await writeProject(dir, target, system, streams);
    const config = loadConfig({ dir, env: { DATABASE_URL: database.url } });
    const connectors = connectorsWithout(safety);
    const app = await openApp(config, { log: silentLog, clock, connectors });
    const ground: Ground = {
      ...{ seed, dir, database: database.url, random, clock, hostile, system, app, safety },
      receiver: system.delivered ? await openReceiver(app, database.url) : null,
      alteration: alterationFor(safety),
      deaths: { cut: 0, killed: 0, frozen: 0 },
      drops: { count: 0 },
    };
    try {
      const findings = await live(ground);
      return {
        ...findings,
        ...{
          target: name,
          streams,
          played: { ...hostile.played, ...system.tricks, 'webhooks stopped': ground.drops.count },
          deliveries: { ...ground.receiver?.taken },
          deaths: ground.deaths,
          ...(await counted(app)),
        },
        cursors: streams.map((stream) => declared.find((one) => one.name === stream)?.cursor ?? 'token'),
      };
    } finally {
      await ground.receiver?.close();
      await app.close();
    }
  } finally {
    await system.close();
    await rm(dir, { recursive: true, force: true });
  }
}

type Ground = {
  readonly seed: number;
  readonly dir: string;
  readonly database: string;
  readonly random: Random;
  readonly clock: SoakClock;
  readonly hostile: Hostile;
  readonly system: VendorSystem;
  readonly app: App;
  /** Where its webhooks go; `null`: it has none. */
  readonly receiver: Receiver | null;
  readonly drops: { count: number };
  readonly safety: HostileSafety | null;
  readonly alteration: Alteration | null;
  readonly deaths: { cut: number; killed: number; frozen: number };
};

async function writeProject(dir: string, target: Target, system: VendorSystem, streams: readonly string[]) {
  await mkdir(join(dir, 'mappings'));
  for (const [name, text] of Object.entries(target.mappings))
    await writeFile(join(dir, 'mappings', `${name}.yaml`), text);
  const settings = Object.fromEntries(streams.map((stream) => [stream, { ...target.settings, every: 'manual' }]));
  // JSON is YAML, too.
  const config = {
    ...{
      tenant: 'soak',
      port: 0,
      allowed_roots: [tmpdir()],
      lease: '3h',
      slice: '1d',
      page_size: 10,
      delete_brake: { share: 1, count: 1e6 },
    },
    connections: { vendor: { ...system.settings, streams: settings } },
  };
  await writeFile(join(dir, 'tributary.yaml'), JSON.stringify(config));
}

/** Rounds of changes and runs, then all of it settled, and looked at. */
async function live(ground: Ground): Promise<Findings> {
  const { app, random, clock, hostile, system, alteration, receiver } = ground;
  if (alteration?.first) await app.store.rows(sql.raw(alteration.first));
  const tap = tapStore(app.store, alteration);
  hostile.loose(
    system,
    app.streams.all.map(({ name }) => name),
  );
  const killRounds = ground.seed % REAL_KILLS === 0 ? random.shuffle([1, 2, 3, 4]).slice(0, 2) : [];
  for (let round = 1; round <= ROUNDS; round += 1) {
    await hostile.disturb(random.whole(2, 6));
    await system.delivered?.();
    const attempt = (run: number): Promise<void> => {
      if (killRounds.includes(round)) return killedRun(ground, run);
      return random.next() < 0.3 ? frozenRun(ground, run) : strickenRun(ground, tap, run);
    };
    // What was named is read now, or waits while others read.
    if (receiver && random.next() < 0.6) for (const run of await receiver.waiting()) await attempt(run);
    for (const stream of random.shuffle(app.streams.all))
      await attempt(await requested(ground, stream, modeOf(random, stream, round)));
    await clock.advance(random.whole(1, 20) * MINUTE_MS);
    if (receiver) await inspect(ground, receiver);
  }
  const findings: Omit<Findings, 'unbalanced'>[] = receiver ? [await heard(ground, receiver)] : [];
  hostile.calm();
  for (const isAll of [false, true]) {
    await clock.advance(30 * MINUTE_MS);
    for (const stream of app.streams.all) {
      await settled(ground, stream, isAll ? 'full' : 'incremental');
      findings.push(await verifyStream(app, system, stream, { isAll }));
    }
  }
  return {
    lost: findings.flatMap(({ lost }) => lost),
    falseDeletes: findings.flatMap(({ falseDeletes }) => falseDeletes),
    duplicates: [...new Set(findings.flatMap(({ duplicates }) => duplicates))],
    unbalanced: await unbalanced(app),
  };
}

/** The vendor may have stopped to send; now and then the program looks whether it did. */
async function inspect({ random, drops }: Ground, receiver: Receiver): Promise<void> {
  if (random.next() < 0.4) {
    // A request of it may go wrong, too: then it sends as before.
    await receiver.dropped().then(
      () => {
        drops.count += 1;
      },
      () => undefined,
    );
  }
  if (random.next() < 0.5) await receiver.mend();
}

/** What is known by webhooks alone: all that they named and was not read again since, and nothing that they did not say. */
async function heard(ground: Ground, receiver: Receiver): Promise<Omit<Findings, 'unbalanced'>> {
  const { app, clock, hostile, system } = ground;
  await receiver.mend();
  await hostile.disturb(LAST_WORDS);
  await system.delivered?.();
  hostile.calm();
  // What commits late is there, and what failed is tried again.
  await clock.advance(30 * MINUTE_MS);
  const named = await receiver.named();
  await receiver.rescue();
  for (const run of await receiver.waiting()) await work(ground, run);
  const findings: Omit<Findings, 'unbalanced'>[] = [];
  for (const stream of app.streams.all)
    findings.push(await verifyStream(app, system, stream, { isAll: true, only: named.get(stream.id) ?? new Set() }));
  await receiver.mend();
  return {
    lost: [
      ...findings.flatMap(({ lost }) => lost).map((what) => `by webhook: ${what}`),
      ...[...(await receiver.named()).values()].flatMap((ids) => [...ids].map((id) => `${id} was named, and not read`)),
      ...(await receiver.missing()).map((topic) => `webhooks of ${topic} are not sent any more`),
    ],
    falseDeletes: findings.flatMap(({ falseDeletes }) => falseDeletes),
    duplicates: findings.flatMap(({ duplicates }) => duplicates),
  };
}

function modeOf(random: Random, { connector, name }: RunStream, round: number): RunMode {
  const isBlind = (connector.streams?.find((one) => one.name === name)?.blindFields.length ?? 0) > 0;
  const drawn = random.next();
  if (round > 1 && drawn < 0.15) return 'full';
  return round > 1 && isBlind && drawn < 0.25 ? 'sweep' : 'incremental';
}

async function requested({ app, clock }: Ground, { tenant, id }: RunStream, mode: RunMode): Promise<number> {
  for (;;) {
    await clock.advance(1);
    const run = await createRun(app.store, { tenant, streamId: id, mode, trigger: 'schedule', dueAt: clock.now() });
    // One for webhooks may be due at this time.
    if (run !== null) return run;
  }
}

async function stateOf({ app }: Ground, run: number): Promise<RunState> {
  const [row] = await app.store.rows<{ state: RunState }>(sql`select state from run where id = ${run}`);
  if (!row) throw new Error(`there is no run ${run}`);
  return row.state;
}

/** Slices of a run to its end; time passes where it waits. */
async function work(ground: Ground, run: number, deps: RunDeps = ground.app.runs): Promise<void> {
  for (let slice = 0; slice < MOST_SLICES; slice += 1) {
    const result = await runSlice(deps, run, new AbortController().signal);
    const state = await stateOf(ground, run);
    if (isFinal(state) || state === 'held') return;
    // A run gives way to what webhooks named, and waits for it.
    for (const other of (await ground.receiver?.waiting()) ?? [])
      if (other !== run) await runSlice(deps, other, new AbortController().signal);
    await ground.clock.advance(Math.max(1, result?.againInMs ?? 1000));
  }
  throw new Error(`run ${run} does not end`);
}

/** A run whose worker may die: what it had in the air is undone, and another takes over when its lease is out. */
async function strickenRun(ground: Ground, tap: Tap, run: number): Promise<void> {
  const { random, clock, deaths } = ground;
  if (random.next() < 0.5) {
    const place = random.pick(CUTS);
    const nth = tap.passed[place] + random.whole(1, 6);
    let isDead = false;
    tap.onPlace = (here, count) => {
      isDead ||= here === place && count === nth;
      if (isDead && here !== 'copy') throw new Error('the worker is dead');
    };
    await work(ground, run).catch((thrown: unknown) => {
      if (!isDead) throw thrown;
    });
    tap.onPlace = () => undefined;
    if (isDead) {
      deaths.cut += 1;
      await clock.advance(LEASE_MS + 1);
    }
  }
  await work(ground, run);
}

/** A run whose worker stands still before a transaction, until another has done its work; then it goes on. */
async function frozenRun(ground: Ground, run: number): Promise<void> {
  const { app, random, clock, deaths, alteration } = ground;
  const store = { ...app.store };
  const thawed = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const nth = random.whole(2, 5);
  let isFrozen = false;
  const tap = tapStore(store, alteration);
  tap.onPlace = async (place, count) => {
    if (place === 'transaction' && count === nth) {
      isFrozen = true;
      reached.resolve();
    }
    if (isFrozen) await thawed.promise;
  };
  const deps = { ...app.runs, store, load: { ...app.runs.load, store } };
  const zombie = work(ground, run, deps).catch(() => undefined);
  await Promise.race([zombie, reached.promise]);
  if (isFrozen) {
    deaths.frozen += 1;
    await clock.advance(LEASE_MS + 1);
    await work(ground, run);
  }
  thawed.resolve();
  await zombie;
  await work(ground, run);
}

/** A run in a process of its own that is killed, and gone on with here. */
async function killedRun(ground: Ground, run: number): Promise<void> {
  const { dir, database, clock, random, safety, deaths } = ground;
  const life: HostileLife = {
    ...{ dir, database, run, now: clock.now().toISOString(), safety },
    strike: { what: 'kill', place: random.pick(PLACES), nth: random.whole(1, 3) },
  };
  const { isKilled } = await startLife('hostile-process.ts', life).ended;
  if (isKilled) deaths.killed += 1;
  await clock.advance(LEASE_MS + 1);
  await work(ground, run);
}

/** Runs until one succeeds: a storm may outlast the tries of one. */
async function settled(ground: Ground, stream: RunStream, mode: RunMode): Promise<void> {
  for (let no = 0; no < 3; no += 1) {
    const run = await requested(ground, stream, mode);
    await work(ground, run);
    // Incomplete: a file of the supplier's is broken and stays so; what is behind it is read.
    if (['succeeded', 'incomplete'].includes(await stateOf(ground, run))) return;
  }
  const [row] = await ground.app.store.rows<{ error: unknown }>(
    sql`select error from run where stream_id = ${stream.id} order by id desc limit 1`,
  );
  throw new Error(`${stream.name} cannot be read although nothing goes wrong: ${JSON.stringify(row?.error)}`);
}

async function counted({ store }: App): Promise<{ runs: number; failedRuns: number }> {
  const [row] = await store.rows<{ runs: number; failed: number }>(
    sql`select count(*)::integer as runs, (count(*) filter (where state = 'failed'))::integer as failed from run`,
  );
  return { runs: row?.runs ?? 0, failedRuns: row?.failed ?? 0 };
}
