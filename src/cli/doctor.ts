import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { checkConnections, findConnectors, SHIPPED_MAPPINGS } from '../app.ts';
import { checkConfig, problemLine } from '../config/load.ts';
import type { Config } from '../config/types.ts';
import { asTributaryError } from '../errors.ts';
import { systemClock } from '../extract/clock.ts';
import { describeProblem, loadMappings } from '../mapping/load.ts';
import { silentLog } from '../observe/log.ts';
import { findMapping } from '../run/streams.ts';
import { pendingMigrations } from '../store/migrate.ts';
import { type Store, sql } from '../store/store.ts';
import { command, EXIT } from './command.ts';
import type { CommandContext } from './context.ts';
import { counted, json, plain } from './render.ts';

const NODE_MAJOR = 24;
const MOST_DRIFT_MS = 5_000;
const LEAST_FREE_BYTES = 500e6;
const QUEUE_MS = 5_000;

type Finding = { readonly subject: string; readonly ok: boolean; readonly message: string; readonly remedy?: string };

export const doctor = command({
  path: 'doctor',
  about: 'Check everything this program needs, and say what to do where something is not ok',
  args: {},
  options: {},
  examples: [['tributary doctor', 'one line for each thing looked at; exit code 1 when one is not ok']],
  where: 'anyhow',
  async run(context) {
    const findings: Finding[] = [];
    for await (const finding of examine(context)) {
      findings.push(finding);
      const { subject, ok, message, remedy } = finding;
      if (!context.json)
        await context.out(
          `${ok ? 'ok    ' : 'NOT OK'}  ${subject}: ${plain(message)}${ok || !remedy ? '' : `\n        ${plain(remedy)}`}\n`,
        );
    }
    if (context.json) await context.out(json(findings));
    return findings.every((finding) => finding.ok) ? EXIT.ok : EXIT.failed;
  },
});

async function* examine(context: CommandContext): AsyncGenerator<Finding> {
  const version = process.versions.node;
  yield {
    subject: 'node',
    ok: Number(version.split('.')[0]) >= NODE_MAJOR,
    message: `version ${version}`,
    remedy: `Install Node ${NODE_MAJOR} or newer.`,
  };
  yield context.service
    ? { subject: 'program', ok: true, message: `runs at ${context.service.url}` }
    : { subject: 'program', ok: true, message: 'does not run in this folder; commands open the store themselves' };
  // From the files as they are now, whatever the running program was started with.
  const { config, problems } = checkConfig({ dir: context.dir, env: { ...process.env, TRIBUTARY_DIR: undefined } });
  yield problems.length === 0
    ? { subject: 'configuration', ok: true, message: config?.file ?? 'no tributary.yaml: the sandbox' }
    : {
        subject: 'configuration',
        ok: false,
        message: problems.map(problemLine).join(' '),
        remedy: 'Correct these lines of tributary.yaml or the environment.',
      };
  yield* examineConnectors(config);
  yield* examineMappings(config, join(context.dir, 'mappings'));
  yield await examineDisk(context.dir);
  if (!config) return;
  yield* examineStore(context, config);
  yield await examineQueue(context, config);
}

async function* examineConnectors(config: Config | null): AsyncGenerator<Finding> {
  const { connectors, problems } = await findConnectors();
  const names = [...connectors.keys()].join(', ');
  yield problems.length === 0
    ? { subject: 'connectors', ok: true, message: names }
    : {
        subject: 'connectors',
        ok: false,
        message: problems.map((problem) => problem.message).join('; '),
        remedy: `The others work (${names}); repair or remove the folder.`,
      };
  if (!config) return;
  try {
    checkConnections(config, connectors);
    yield {
      subject: 'connections',
      ok: true,
      message: config.connections.map((one) => `${one.name} (${one.connector})`).join(', ') || 'none',
    };
  } catch (thrown) {
    const { message, remedy } = asTributaryError(thrown);
    yield { subject: 'connections', ok: false, message, remedy };
  }
}

async function* examineMappings(config: Config | null, usual: string): AsyncGenerator<Finding> {
  const folders = [...new Set([config?.mappingsDir ?? usual, SHIPPED_MAPPINGS])].filter((folder) => existsSync(folder));
  const loaded = folders.map((folder) => loadMappings(folder));
  const errors = loaded.flatMap(({ problems }) => problems.filter((problem) => problem.severity === 'error'));
  const count = loaded.reduce((sum, { mappings }) => sum + mappings.size, 0);
  const missing = (config?.connections ?? []).flatMap((connection) =>
    connection.streams.flatMap((stream) =>
      stream.mappings
        .filter((name) => !isThere(name, folders))
        .map((name) => `${connection.name}/${stream.name} names ${name}, and there is none`),
    ),
  );
  const wrong = [...errors.map(describeProblem), ...missing];
  yield wrong.length === 0
    ? { subject: 'mappings', ok: true, message: `${counted(count, 'mapping')} compile` }
    : {
        subject: 'mappings',
        ok: false,
        message: wrong.join(' '),
        remedy: '`tributary mapping check` shows each with its line.',
      };
}

function isThere(name: string, folders: readonly string[]): boolean {
  try {
    findMapping(name, folders);
    return true;
  } catch (thrown) {
    return asTributaryError(thrown).code !== 'ERR_MAPPING_UNKNOWN'; // One that does not compile was told already.
  }
}

async function examineDisk(dir: string): Promise<Finding> {
  try {
    const { bavail, bsize } = await statfs(existsSync(dir) ? dir : '.');
    const free = bavail * bsize;
    return {
      subject: 'disk',
      ok: free > LEAST_FREE_BYTES,
      message: `${(free / 1e9).toFixed(1)} GB free`,
      remedy: 'Make room; a store on a full disk cannot load anything.',
    };
  } catch (thrown) {
    return {
      subject: 'disk',
      ok: false,
      message: asTributaryError(thrown).message,
      remedy: 'The folder cannot be looked at; correct --dir or its permissions.',
    };
  }
}

async function* examineStore(context: CommandContext, config: Config): AsyncGenerator<Finding> {
  const name = config.databaseUrl
    ? 'PostgreSQL'
    : 'embedded, in .tributary/store (its last seconds may be lost in a power cut)';
  let store: Store;
  try {
    store = await context.store();
    const [row] = await store.rows<{ version: string; now: Date }>(
      sql`select current_setting('server_version') as version, clock_timestamp() as now`,
    );
    yield { subject: 'store', ok: true, message: `${name}, version ${row?.version ?? ''}` };
    const drift = Math.abs((row?.now.getTime() ?? 0) - Date.now());
    yield {
      subject: 'clock',
      ok: drift < MOST_DRIFT_MS,
      message: `${new Date().toISOString()}, ${drift} ms from the store's`,
      remedy: 'Set the clocks of both machines by NTP.',
    };
  } catch (thrown) {
    const { message, remedy } = asTributaryError(thrown);
    yield { subject: 'store', ok: false, message, remedy };
    return;
  }
  try {
    const pending = await pendingMigrations(store);
    const message =
      pending === 0 ? 'up to date' : `${counted(pending, 'migration')} to come: the next start or command applies them`;
    yield { subject: 'schema', ok: pending === 0 || context.service === null, message, remedy: 'tributary migrate' };
  } catch (thrown) {
    const { message, remedy } = asTributaryError(thrown);
    yield { subject: 'schema', ok: false, message, remedy };
  }
}

async function examineQueue(context: CommandContext, config: Config): Promise<Finding> {
  const name = config.redisUrl ? 'Redis' : 'in the store';
  if (!context.service && !config.redisUrl) return { subject: 'queue', ok: true, message: name };
  try {
    if (context.service) await context.service.queue.ping();
    else if (config.redisUrl) {
      const { openQueue } = await import('../queue/queue.ts');
      const queue = await openQueue(
        { kind: 'redis', url: config.redisUrl },
        { log: silentLog, clock: systemClock, tuning: { answerMs: QUEUE_MS } },
      );
      try {
        await queue.ping();
      } finally {
        await queue.close();
      }
    }
    return { subject: 'queue', ok: true, message: `${name}, answers` };
  } catch (thrown) {
    const { message, remedy } = asTributaryError(thrown);
    return { subject: 'queue', ok: false, message, remedy };
  }
}
