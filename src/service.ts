/** The whole program running: store, queue, workers, schedules, watches, API and control socket, opened and closed together. */
import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { storeGauges } from './alerts/gauges.ts';
import { buildApi } from './api/app.ts';
import { createKey, keyFinder, SCOPES } from './api/keys.ts';
import { type App, openApp, openAppQueue, stateDir } from './app.ts';
import { parseId, publicId } from './canonical/ids.ts';
import { serveControl } from './cli/control.ts';
import { withSystems } from './config/load.ts';
import { SANDBOX_FEEDS } from './config/sandbox.ts';
import type { Config } from './config/types.ts';
import { asTributaryError, TributaryError } from './errors.ts';
import { systemClock } from './extract/clock.ts';
import { keepHouse } from './housekeeping.ts';
import { openInbound } from './inbound/receive.ts';
import { subscribe, webhookUrl } from './inbound/subscriptions.ts';
import { leadDesk } from './lead-desk.ts';
import { eraseRecords } from './load/erase.ts';
import type { RootLog } from './observe/log.ts';
import { createMetrics, type Metrics } from './observe/metrics.ts';
import { isPushDue } from './publish/due.ts';
import type { WakeQueue } from './queue/types.ts';
import type { RunDeps, RunStream } from './run/deps.ts';
import { releaseLeases } from './run/drive-run.ts';
import { createRun } from './run/runs.ts';
import { startScheduler } from './run/schedule.ts';
import { runSlice } from './run/slice.ts';
import { writeSampleFeeds } from './sandbox/sample-feeds.ts';
import { openSystems, type SandboxSystems } from './sandbox/systems.ts';
import { readSandbox, type SandboxFile, writeSandbox } from './sandbox-file.ts';
import { lockFolder } from './store/lock.ts';
import { sql } from './store/store.ts';

/** Slices worked on at once in one process; each waits for the database most of its time. */
const CONCURRENCY = 4;
/** How long requests may take to end when the program stops. */
const REQUESTS_MS = 2_000;
/** How many ports after the wanted one are tried. */
const PORTS = 20;
const LAST_PORT = 65_535;

export type Service = {
  readonly app: App;
  readonly queue: WakeQueue;
  readonly url: string;
  /** What sandbox.json says. */
  readonly sandbox: SandboxFile;
  /** The port in the configuration was taken. */
  readonly otherPort: boolean;
  /** `null`: no sandbox. */
  readonly act: SandboxSystems['act'] | null;
  stop(): Promise<void>;
};

export type ServiceOptions = {
  readonly log: RootLog;
  readonly onProgress?: RunDeps['onProgress'];
  /** Told each token that comes into use, so that outputs can be scrubbed of it. */
  readonly onSecret?: (value: string) => void;
  /** How much faster than the real ones the vendor systems of the sandbox are. @defaultValue 1 */
  readonly speed?: number;
};

/** @throws ERR_STORE_LOCKED when this folder's program runs already */
export async function startService(given: Config, options: ServiceOptions): Promise<Service> {
  await mkdir(stateDir(given), { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(join(stateDir(given), 'service'));
  const closing: (() => Promise<unknown>)[] = [unlock];
  const stop = async () => {
    for (const close of closing.splice(0).reverse())
      await close().catch((thrown: unknown) => options.log.error({ err: thrown }, 'something did not close'));
  };
  try {
    const systems = given.file ? null : await openSandbox(given, options);
    if (systems) closing.push(() => systems.close());
    const config = systems ? withSystems(given, systems.systems) : given;
    const metrics = createMetrics({ withProcess: true });
    const app = await openApp(config, { ...options, onProgress: both(measure(metrics), options.onProgress) });
    closing.push(() => app.close());
    // The embedded store has no other workers: a lease in it is that of a program that was killed.
    if (app.store.engine === 'pglite') await releaseLeases(app.runs);
    if (systems) await approveSandboxWrites(app);
    const queue = await openAppQueue(app);
    closing.push(() => queue.close());
    metrics.beforeScrape(storeGauges(app.store, app.streams.tenant));
    metrics.beforeScrape(async (gauges) => gauges.queueWakes(await queue.counts()));
    const checks = { queue: () => queue.ping().then(() => null) };
    const leads = leadDesk(app);
    const life = new AbortController();
    const inbound = openInbound({
      store: app.store,
      clock: app.clock,
      log: app.log,
      streams: app.streams,
      erase: (...wish) => eraseRecords(app.runs.load, ...wish),
      connections: app.connections,
      open: (connection) => app.openSource(connection, life.signal),
      wake: (run) => wakeWebhook(app, queue, run),
    });
    closing.push(() => inbound.close());
    let address = '';
    const publicUrl = () => config.publicUrl ?? address;
    const api = await buildApi({
      store: app.store,
      config,
      tenant: app.streams.tenant,
      clock: app.clock,
      log: app.log,
      metrics,
      checks,
      leads,
      inbound: { receive: inbound.receive, publicUrl },
      ...(systems ? { act: systems.act } : {}),
      logins: app.logins,
    });
    closing.push(() => closeApi(api));
    const { url, otherPort } = await listen(api, config);
    address = url;
    const sandbox = await tellSandbox(app, url, systems);
    await queue.work((wake, signal) => slice(app, wake.run, AbortSignal.any([signal, life.signal])), {
      concurrency: CONCURRENCY,
    });
    const scheduled = { tenant: app.streams.tenant, streams: app.streams.all.filter(isRead(config)) };
    const scheduler = startScheduler(app.runs, queue, scheduled, life.signal);
    const watches = Promise.all([watchSources(app, queue, life.signal), watchChanges(app, queue, life.signal)]);
    const house = keepHouse(app, metrics, life.signal, (run) => wakeWebhook(app, queue, run));
    void inbound.warm().catch(() => undefined); // The first delivery opens what is not open yet.
    const subscribing = systems ? subscribeAll(app, publicUrl(), life.signal) : null;
    closing.push(async () => {
      life.abort();
      await Promise.all([scheduler.done, watches, house, subscribing]);
    });
    const act = systems?.act ?? null;
    const service: Service = { app, queue, url, sandbox, otherPort, act, stop };
    const control = await serveControl(service, config);
    closing.push(() => control.close());
    return service;
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

/** Not waited for: a wake that is lost is found by the sweep. */
function wakeWebhook(app: App, queue: WakeQueue, run: number): void {
  const wake = { run: publicId('run', run), tenant: String(app.streams.tenant) };
  queue
    .wake(wake, { class: 'webhook' })
    .catch((thrown: unknown) =>
      app.log.debug({ run: wake.run, code: asTributaryError(thrown).code }, 'a wake was lost'),
    );
}

/** Has the vendor systems of the sandbox send webhooks here, where they have them. */
async function subscribeAll(app: App, publicUrl: string, signal: AbortSignal): Promise<void> {
  const deps = { store: app.store, clock: app.clock, tenant: app.streams.tenant };
  for (const { name } of app.connections) {
    try {
      const source = await app.openSource(name, signal);
      if (source.webhooks)
        await subscribe(deps, name, source, { url: webhookUrl(publicUrl, name), actor: 'sandbox' }).finally(() =>
          source.close(),
        );
      else await source.close();
    } catch (thrown) {
      const { code, message } = asTributaryError(thrown);
      if (signal.aborted || code === 'ERR_CONNECTOR_UNSUPPORTED') continue;
      app.log.warn({ connection: name, code }, `webhooks are not subscribed, its polls find the changes: ${message}`);
    }
  }
}

/** These systems are our own: what is written to them needs nobody's approval. */
async function approveSandboxWrites({ store, clock, streams }: App): Promise<void> {
  await store.rows(sql`
    update connection set writes_approved_at = ${clock.now().toISOString()}::timestamptz
    where tenant = ${streams.tenant} and removed_at is null and direction <> 'in' and writes_approved_at is null`);
}

/** Sample feeds and vendor systems of the made-up shop, as the last start left them. */
async function openSandbox(config: Config, { log, speed = 1 }: ServiceOptions): Promise<SandboxSystems> {
  const feeds = resolve(config.dir, SANDBOX_FEEDS);
  await writeSampleFeeds(feeds);
  return openSystems({ folder: join(stateDir(config), 'sandbox'), feeds, clock: systemClock, log, speed });
}

/** Counts what runs do; nobody else has to. */
function measure(metrics: Metrics): RunDeps['onProgress'] {
  const startedAt = new Map<number, number>();
  return (run, stream, event) => {
    const of = { connection: stream.connection, stream: stream.name };
    if (!startedAt.has(run.id)) startedAt.set(run.id, performance.now());
    if (event.kind === 'page') {
      metrics.extracted(of, event.read);
      metrics.pageLoaded(of, event.seconds, event.counts);
      return;
    }
    metrics.runEnded(of, event.state, (performance.now() - (startedAt.get(run.id) ?? performance.now())) / 1000);
    startedAt.delete(run.id);
  };
}

const both =
  (first: RunDeps['onProgress'], second: RunDeps['onProgress'] | undefined): RunDeps['onProgress'] =>
  (run, stream, event) => {
    first(run, stream, event);
    second?.(run, stream, event);
  };

function slice(app: App, run: string, signal: AbortSignal): ReturnType<typeof runSlice> {
  const id = parseId('run', run);
  if (id === null) throw new TributaryError('ERR_INTERNAL', `the queue woke ${run}, which is no run`);
  return runSlice(app.runs, id, signal);
}

/** Tries the ports after a taken one. @throws ERR_CONFIG_INVALID where nobody can listen */
async function listen(api: FastifyInstance, config: Config): Promise<{ url: string; otherPort: boolean }> {
  for (let port = config.port; ; port += 1) {
    try {
      const url = await api.listen({ host: config.host, port });
      return { url, otherPort: config.port !== 0 && port !== config.port };
    } catch (thrown) {
      const code = thrown instanceof Error && 'code' in thrown ? thrown.code : null;
      if (code === 'EADDRINUSE' && port < Math.min(config.port + PORTS, LAST_PORT)) continue;
      throw new TributaryError('ERR_CONFIG_INVALID', `The program cannot listen on ${config.host}:${port} (${code}).`, {
        remedy:
          'Set host and port (or HOST and PORT) to an address of this machine that is free and that this user may use.',
        cause: thrown,
      });
    }
  }
}

/** Requests on their way may end. Who only holds a connection open, as browsers do, is not waited for. */
async function closeApi(api: FastifyInstance): Promise<void> {
  const late = setTimeout(() => api.server.closeAllConnections(), REQUESTS_MS);
  await api.close();
  clearTimeout(late);
}

/** Folder of the connection `feeds`, where there is one. */
function feedsFolder(config: Config): string | null {
  const path = config.connections.find((one) => one.name === 'feeds')?.settings['path'];
  return typeof path === 'string' ? resolve(config.dir, path) : null;
}

/** Keeps the key of an earlier start while it is good. */
async function tellSandbox(app: App, url: string, systems: SandboxSystems | null): Promise<SandboxFile> {
  const earlier = await readSandbox(app.config);
  const known = earlier && (await keyFinder(app.store)(earlier.apiKey));
  const apiKey =
    earlier && known?.tenant === app.streams.tenant
      ? earlier.apiKey
      : (
          await createKey(app.store, app.clock, {
            tenant: app.config.tenant,
            name: 'local',
            scopes: SCOPES,
            environment: app.config.file ? 'live' : 'test',
          })
        ).key;
  const sandbox: SandboxFile = {
    ...{ url, apiKey, feeds: systems ? resolve(app.config.dir, SANDBOX_FEEDS) : feedsFolder(app.config) },
    ...(systems ? { systems: systems.systems } : {}),
  };
  await writeSandbox(app.config, sandbox);
  return sandbox;
}

/** Streams that are read; those of connections that are only written to have no schedule. */
const isRead =
  (config: Config) =>
  (stream: RunStream): boolean =>
    stream.writes !== null ||
    config.connections.some((one) => one.name === stream.connection && one.direction !== 'out');

const SOON_AGAIN_MS = 2_000;

/** Makes a run and wakes it, again and again while the database or the queue is away: the change is not seen twice. */
async function requestSoon(app: App, queue: WakeQueue, stream: RunStream, signal: AbortSignal): Promise<void> {
  const mode = stream.writes ? 'push' : 'incremental';
  const run = { tenant: stream.tenant, streamId: stream.id, mode, trigger: 'watch' } as const;
  const dueAt = app.clock.now();
  for (let isTold = false; !signal.aborted; ) {
    try {
      const id = await createRun(app.store, { ...run, dueAt });
      if (id !== null) await queue.wake({ run: publicId('run', id), tenant: String(stream.tenant) });
      return;
    } catch (thrown) {
      const fields = { connection: stream.connection, stream: stream.name, code: asTributaryError(thrown).code };
      if (!isTold) app.log.warn(fields, 'a change was seen but no run could be made yet; it is tried again');
      isTold = true;
      await app.clock.sleep(SOON_AGAIN_MS, signal).catch(() => undefined);
    }
  }
}

/** How soon a change here is seen. */
const LOOK_MS = 500;

/** Starts a push soon after something changed that is written to a vendor in real time. */
async function watchChanges(app: App, queue: WakeQueue, signal: AbortSignal): Promise<void> {
  const outs = app.streams.all.filter((stream) => stream.writes?.every === 'real_time');
  while (outs.length > 0 && !signal.aborted) {
    for (const stream of outs) {
      try {
        const entity = app.entityOf(stream);
        if (entity !== null && (await isPushDue(app.store, stream, entity)))
          await requestSoon(app, queue, stream, signal);
      } catch {
        // The database is away: the schedule tells, and makes up for it.
      }
    }
    await app.clock.sleep(LOOK_MS, signal).catch(() => undefined);
  }
}

/** Starts a run soon after a source shows a change, where a connector can tell. */
async function watchSources(app: App, queue: WakeQueue, signal: AbortSignal): Promise<void> {
  await Promise.all(
    app.config.connections.map(async (connection) => {
      const connector = app.connectors.get(connection.connector);
      const watched = new Set(connection.streams.filter((one) => one.every === 'real_time').map((one) => one.name));
      if (!connector?.watch || watched.size === 0) return;
      const onChange = (name: string) => {
        if (!watched.has(name)) return;
        const stream = app.streams.find(connection.name, name);
        void requestSoon(app, queue, stream, signal);
      };
      await connector
        .watch(app.settingsOf(connection), app.contextOf(connection, signal), onChange)
        .catch((thrown: unknown) => {
          if (!signal.aborted)
            app.log.error({ err: thrown, connection: connection.name }, 'the watch ended; the schedule goes on');
        });
    }),
  );
}
