import type { App } from '../app.ts';
import { TributaryError } from '../errors.ts';
import type { RunStream } from '../run/deps.ts';
import { driveRun, releaseLeases } from '../run/drive-run.ts';
import { requestRun } from '../run/request-run.ts';
import { upkeep } from '../store/upkeep.ts';
import { command, flag, many } from './command.ts';
import type { CommandContext } from './context.ts';
import { exitOfRuns, followRuns, showRuns } from './follow-runs.ts';

export const sync = command({
  path: 'sync',
  about: 'Read what is new at the sources and load it, and write what changed, now',
  details:
    'Without a target: every stream of every connection. Ends when the runs have ended; Ctrl-C cancels them, and what they loaded stays.',
  args: { targets: many('connection or connection/stream') },
  options: {
    full: flag('Read everything again, not only what changed; compare everything that is written'),
    sweep: flag('Read a part of the records again for fields whose change the source does not show'),
    remap: flag('Map stored records again with the mappings as they are now, without asking the source'),
  },
  examples: [
    ['tributary sync', 'all streams'],
    ['tributary sync feeds/products', 'one stream'],
    ['tributary sync shop --full', 'everything of one connection, from the beginning'],
    ['tributary sync feeds/products --remap', 'after a change of its mapping'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    if ([options.full, options.sweep, options.remap].filter(Boolean).length > 1)
      throw new TributaryError('ERR_CLI_USAGE', '--full, --sweep and --remap exclude each other.');
    const app = await context.app();
    const streams = targetsOf(app, args.targets);
    const mode = options.full ? 'full' : options.sweep ? 'sweep' : options.remap ? 'remap' : 'incremental';
    const made: number[] = [];
    for (const stream of streams) made.push(await requestRun(app.runs, stream, { mode, trigger: 'command' }));
    const runs = await workThrough(context, app, made);
    await showRuns(context, runs);
    return exitOfRuns(runs);
  },
});

/** Has runs worked on, by the running program or here, until all have ended. */
export async function workThrough(
  context: CommandContext,
  app: App,
  ids: readonly number[],
): ReturnType<typeof followRuns> {
  if (context.service) return followRuns(context, app, ids, []);
  // Alone on the embedded store nobody else can hold a lease.
  if (app.store.engine === 'pglite') await releaseLeases(app.runs);
  const done = new AbortController();
  const signal = AbortSignal.any([context.signal, done.signal]);
  const work = async () => {
    for (const id of ids) await driveRun(app.runs, id, signal);
  };
  const working = work();
  working.catch(() => undefined); // Awaited below.
  try {
    const runs = await followRuns(context, app, ids, [working]);
    // Nobody else keeps house.
    await upkeep(app.store);
    return runs;
  } finally {
    done.abort();
    await working.catch(() => undefined);
  }
}

/** Streams that were named; a connection stands for all of its streams. @throws ERR_NOT_FOUND */
export function targetsOf(app: App, targets: readonly string[]): RunStream[] {
  const readable = app.streams.all.filter(
    (stream) =>
      stream.writes !== null ||
      app.config.connections.some((one) => one.name === stream.connection && one.direction !== 'out'),
  );
  if (targets.length === 0) {
    if (readable.length > 0) return readable;
    throw new TributaryError('ERR_NOT_FOUND', 'No connection is configured.', {
      remedy: 'Write one into tributary.yaml; `tributary init` makes a documented one.',
    });
  }
  const found = new Set<RunStream>();
  for (const target of targets) for (const stream of streamsOf(app, readable, target)) found.add(stream);
  return [...found];
}

function streamsOf(app: App, readable: readonly RunStream[], target: string): readonly RunStream[] {
  const [connection = '', stream, ...rest] = target.split('/');
  if (rest.length > 0)
    throw new TributaryError('ERR_CLI_USAGE', `${target} is neither a connection nor connection/stream.`);
  if (stream !== undefined) return [app.streams.find(connection, stream)];
  const all = readable.filter((one) => one.connection === connection);
  if (all.length > 0) return all;
  const names = app.config.connections.map((one) => one.name).join(', ') || 'none';
  throw new TributaryError('ERR_NOT_FOUND', `There is no connection ${connection} with streams; there is: ${names}.`);
}
