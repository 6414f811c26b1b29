/** The soak on PostgreSQL and Redis: whole programs with their queue, and faults of everything they stand on. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { publicId } from '../../src/canonical/ids.ts';
import { silentLog } from '../../src/observe/log.ts';
import { openQueue } from '../../src/queue/queue.ts';
import { PLATFORM } from '../../src/run/streams.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { createDatabase } from '../support/services/postgres.ts';
import { type PostgresServer, type RedisServer, startPostgres, startRedis } from '../support/services.ts';
import type { Safety } from './alterations.ts';
import { compareStates, type State } from './compare.ts';
import { configText, PHASES, type Phase, putFeed } from './feed.ts';
import { type Life, startLife } from './lives.ts';
import { addUp, type Engine, numbersIn, type PointResult, pageSizeOf, type Soak } from './pglite.ts';
import { type Course, describeServicePoint, type ServicePoint, servicePoint } from './plan.ts';
import { stateOf, unbalancedRuns } from './state.ts';
import type { Strike } from './strike.ts';
import { failedRuns, openRuns } from './sync.ts';
import type { Places } from './tapped-store.ts';

const SYNC_LIMIT_MS = 180_000;
const LOOK_MS = 100;
/** Longer than the lease of a worker. */
const STAND_STILL_MS = 6000;

type Ground = {
  readonly root: string;
  readonly server: PostgresServer;
  readonly redis: RedisServer;
  readonly records: number;
};

export async function postgresEngine(soak: Soak): Promise<Engine> {
  const root = await mkdtemp(join(tmpdir(), 'tributary-soak-'));
  const server = await startPostgres({ settings: { max_wal_size: '2GB' } });
  const redis = await startRedis();
  const ground: Ground = { root, server, redis, records: soak.records };
  const close = async () => {
    await Promise.all([server.stop(), redis.stop(), rm(root, { recursive: true, force: true })]);
  };
  try {
    const courses = {} as Record<Phase, Course>;
    const expected = await undisturbed(ground, null, (phase, course) => {
      courses[phase] = course;
    });
    return { try: (no, without) => tryPoint(ground, without, servicePoint(soak.seed, no, courses), expected), close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

/** The state before a phase, as a database to copy. */
const before = (ground: Ground, phase: Phase) => ({
  name: `soak_before_${phase}`,
  build: async (url: string) => {
    for (const earlier of PHASES.filter((one) => one < phase)) await syncWith(ground, url, earlier, null, null);
  },
});

async function undisturbed(
  ground: Ground,
  without: Safety | null,
  told: (phase: Phase, course: Course) => void,
): Promise<State> {
  await using database = await createDatabase(ground.server.url);
  for (const phase of PHASES) told(phase, await syncWith(ground, database.url, phase, without, null));
  const state = await readState(database.url);
  if (state.unbalanced.length > 0 || state.lines.length < ground.records)
    throw new Error(`the undisturbed sync failed: ${JSON.stringify(state.unbalanced)}`);
  return state;
}

async function readState(url: string): Promise<State> {
  const store = await openPostgres(url, { connections: 1 });
  try {
    return { lines: await stateOf(store), unbalanced: await unbalancedRuns(store), failed: await failedRuns(store) };
  } finally {
    await store.close();
  }
}

async function tryPoint(
  ground: Ground,
  without: Safety | null,
  point: ServicePoint,
  expected: State,
): Promise<PointResult> {
  await using database = await createDatabase(ground.server.url, before(ground, point.phase));
  const total = { altered: [] as readonly number[], struck: 0 };
  for (const phase of PHASES.filter((one) => one >= point.phase)) {
    const { altered, struck } = await syncWith(
      ground,
      database.url,
      phase,
      without,
      phase === point.phase ? point : null,
    );
    total.altered = addUp(total.altered, altered);
    total.struck += struck;
  }
  const state = await readState(database.url);
  return {
    words: describeServicePoint(point),
    verdict: compareStates(expected, state),
    failed: state.failed,
    ...total,
  };
}

type Synced = Course & { readonly altered: readonly number[]; readonly struck: number };

/** A phase with one or two workers, from their start to the end of its runs, and the point's faults in between. */
async function syncWith(
  ground: Ground,
  url: string,
  phase: Phase,
  without: Safety | null,
  point: ServicePoint | null,
): Promise<Synced> {
  const feeds = join(ground.root, 'feeds');
  await rm(feeds, { recursive: true, force: true });
  for (const one of PHASES.filter((earlier) => earlier <= phase)) await putFeed(feeds, ground.records, one);
  const crew = openCrew(ground, url, feeds, without);
  try {
    const isPair = point?.scenario.endsWith('of-two') === true;
    const strike =
      point && ['kill', 'kill-one-of-two', 'freeze-one-of-two'].includes(point.scenario) ? point.strike : null;
    const first = await crew.start('a', strike);
    if (isPair) await crew.start('b', null);
    const { ended, done } = await makeRuns(ground, url, phase);
    const started = performance.now();
    let struck = 0;
    if (point) struck = await trouble(ground, crew, first, point, done);
    await ended;
    const ms = performance.now() - started;
    const { altered, passed, pages } = await crew.dismiss();
    return { ms, passed, pages, altered, struck };
  } finally {
    crew.kill();
  }
}

type Crew = {
  start(name: string, strike: Strike | null): Promise<Life>;
  /** Asks all who live to end, and adds up what they say. */
  dismiss(): Promise<{ altered: readonly number[]; pages: readonly number[]; passed: Places }>;
  kill(): void;
};

/** Workers, each with a folder of its own and the feed in common. */
function openCrew(ground: Ground, url: string, feeds: string, without: Safety | null): Crew {
  const lives: Life[] = [];
  return {
    async start(name, strike) {
      const dir = join(ground.root, `worker-${name}`);
      await mkdir(dir, { recursive: true });
      await writeFile(join(dir, 'tributary.yaml'), configText(feeds, pageSizeOf(ground.records)));
      const life = startLife('service-process.ts', {
        dir,
        databaseUrl: url,
        redisUrl: ground.redis.url,
        strike,
        without,
      });
      lives.push(life);
      await life.ready;
      return life;
    },
    async dismiss() {
      const total = {
        altered: [] as readonly number[],
        pages: [] as readonly number[],
        passed: { transaction: 0, copy: 0, 'before-commit': 0, 'after-commit': 0, 'before-write': 0, 'after-write': 0 },
      };
      for (const life of lives.splice(0)) {
        life.child.kill('SIGCONT');
        life.child.kill('SIGTERM');
        const timer = setTimeout(() => life.child.kill('SIGKILL'), 20_000);
        const { said } = await life.ended;
        clearTimeout(timer);
        const done = said.find((one) => 'done' in one);
        total.pages = [...total.pages, ...numbersIn(done?.['pages'])];
        total.altered = addUp(total.altered, numbersIn(done?.['altered']));
        for (const [place, count] of Object.entries(done?.['passed'] ?? {}))
          total.passed[place as keyof Places] += Number(count);
      }
      return total;
    },
    kill() {
      for (const life of lives) life.child.kill('SIGKILL');
    },
  };
}

type Runs = { readonly ended: Promise<void>; readonly done: Promise<unknown> };

/** Makes the phase's runs and wakes them; `ended` when they are, with another after each that failed. */
async function makeRuns(ground: Ground, url: string, phase: Phase): Promise<Runs> {
  const store = await openPostgres(url, { connections: 2 });
  const queue = await openQueue({ kind: 'redis', url: ground.redis.url }, { log: silentLog });
  const streams = await store.rows<{ id: number; tenant: number }>(
    sql`select s.id, s.tenant from stream s join connection c on c.id = s.connection_id where s.removed_at is null and c.name <> ${PLATFORM} order by s.id`,
  );
  const make = async () => {
    const open = await openRuns(store, streams, phase);
    return { open, tenant: streams[0]?.tenant ?? 0 };
  };
  const { open, tenant } = await make();
  // What the queue loses is found by the sweep.
  for (const run of open)
    await queue.wake({ run: publicId('run', run), tenant: String(tenant) }).catch(() => undefined);
  const ended = (async () => {
    const limit = performance.now() + SYNC_LIMIT_MS;
    for (;;) {
      // The database may be away for a moment.
      const left = await make().catch(() => null);
      if (left?.open.length === 0) break;
      if (performance.now() > limit) throw new Error(`runs do not end: ${JSON.stringify(await openOnes(store))}`);
      await sleep(LOOK_MS);
    }
  })().finally(async () => {
    await queue.close();
    await store.close();
  });
  ended.catch(() => undefined); // Told to whoever waits for it.
  return { ended, done: ended.catch(() => undefined) };
}

const openOnes = (store: Store) =>
  store.rows(
    sql`select id, state, seq, lease_epoch, lease_until, next_attempt_at, attempts, error from run where state in ('queued', 'running')`,
  );

/** Lets the point's faults strike; returns how many did while there was work to do. */
async function trouble(
  ground: Ground,
  crew: Crew,
  first: Life,
  point: ServicePoint,
  done: Promise<unknown>,
): Promise<number> {
  const { scenario, moments } = point;
  const [moment = 0] = moments;
  const isOver = async (ms: number): Promise<boolean> =>
    (await Promise.race([done.then(() => 'over'), sleep(ms)])) === 'over';
  switch (scenario) {
    case 'kill':
    case 'kill-one-of-two': {
      const end = await Promise.race([first.ended, done]);
      const isKilled = typeof end === 'object' && end !== null && 'isKilled' in end;
      if (isKilled) await crew.start('a', null);
      return isKilled ? 1 : 0;
    }
    case 'kill-at-moments': {
      let [life, struck] = [first, 0];
      for (const after of moments) {
        if (await isOver(after)) return struck;
        life.child.kill('SIGKILL');
        await life.ended;
        struck += 1;
        life = await crew.start('a', null);
      }
      return struck;
    }
    case 'freeze-one-of-two':
      return standStill(first, done);
    case 'stop-one-of-two':
      if (await isOver(moment)) return 0;
      first.child.kill('SIGSTOP');
      await Promise.race([done, sleep(STAND_STILL_MS)]);
      first.child.kill('SIGCONT');
      await sleep(1000);
      return 1;
    case 'redis-empty':
      if (await isOver(moment)) return 0;
      await ground.redis.restartEmpty();
      return 1;
    case 'postgres-crash':
      if (await isOver(moment)) return 0;
      await crash(ground);
      return 1;
    case 'everything':
      if (await isOver(moment)) return 0;
      first.child.kill('SIGKILL');
      await Promise.all([first.ended, ground.redis.restartEmpty(), crash(ground)]);
      await crew.start('a', null);
      return 3;
  }
}

async function crash({ server }: Ground): Promise<void> {
  await server.kill();
  await server.restart();
}

/** Waits until the worker has stopped itself and the other one has done its work; then the zombie goes on. */
async function standStill(life: Life, done: Promise<unknown>): Promise<number> {
  const isStopped = await Promise.race([stopped(life).then(() => true), done.then(() => false)]);
  if (!isStopped) return 0;
  // It may stand on something that the other one needs; then it goes on after a while.
  await Promise.race([done, sleep(SYNC_LIMIT_MS / 3)]);
  life.child.kill('SIGCONT');
  await Promise.race([life.said((one) => 'thawed' in one), life.ended]);
  return 1;
}

async function stopped(life: Life): Promise<void> {
  while (!life.isStopped()) await sleep(LOOK_MS);
}
