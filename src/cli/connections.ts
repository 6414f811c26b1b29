import { TributaryError } from '../errors.ts';
import { checkWebhooks, subscribed } from '../inbound/subscriptions.ts';
import { listConnections, pauseConnection, type StreamFacts } from '../run/list-connections.ts';
import { type Samples, sampleStream } from '../run/sample-stream.ts';
import { findMapping } from '../run/streams.ts';
import { actor } from './actor.ts';
import { command, count, EXIT, flag, one } from './command.ts';
import type { CommandContext } from './context.ts';
import { streamOf } from './lists.ts';
import { json, plain, table, when } from './render.ts';
import { hasProblems, samplesText } from './sample-text.ts';

const NAME = one('Its name in tributary.yaml');

export const connectionsList = command({
  path: 'connections list',
  about: 'List the configured connections and their streams',
  args: {},
  options: {},
  examples: [['tributary connections list', 'with schedule, last run and open dead letters of each stream']],
  where: 'program',
  async run(context) {
    const { store, streams } = await context.app();
    const connections = await store.answer(streams.tenant, listConnections);
    if (context.json) {
      await context.out(json(connections));
      return EXIT.ok;
    }
    const rows = connections.flatMap((connection) => {
      const all: readonly (StreamFacts | null)[] = connection.streams.length > 0 ? connection.streams : [null];
      return all.map((stream) => ({ connection, stream }));
    });
    if (rows.length === 0) await context.out('No connections.\n');
    else {
      await context.out(
        table(
          rows,
          [
            {
              title: 'STREAM',
              of: ({ connection, stream }) => (stream ? `${connection.name}/${stream.name}` : connection.name),
            },
            { title: 'CONNECTOR', of: ({ connection }) => connection.connector },
            { title: 'STATE', of: ({ connection }) => (connection.pausedAt ? 'paused' : 'active') },
            { title: 'EVERY', of: ({ stream }) => stream?.every },
            { title: 'NEXT (UTC)', of: ({ stream }) => when(stream?.nextDueAt ?? null) },
            {
              title: 'RECONCILE',
              of: ({ stream }) => (stream ? when(stream.reconcile.nextAt) || stream.reconcile.every : undefined),
            },
            {
              title: 'SWEEP',
              of: ({ stream }) => (stream ? when(stream.sweep.nextAt) || stream.sweep.every : undefined),
            },
            { title: 'RECORDS', of: ({ stream }) => stream?.records, right: true },
            { title: 'DEAD', of: ({ stream }) => stream?.deadLetters, right: true },
            {
              title: 'LAST RUN',
              of: ({ stream }) =>
                stream?.lastRun ? `${stream.lastRun.state} ${when(stream.lastRun.finishedAt)}` : 'never',
            },
          ],
          context.width,
        ),
      );
    }
    return EXIT.ok;
  },
});

export const connectionsCheck = command({
  path: 'connections check',
  about: 'Check reach, credentials and streams of a connection, in words',
  args: { connection: NAME },
  options: {},
  examples: [['tributary connections check feeds', 'before the first sync, or after it failed']],
  where: 'program',
  async run(context, { args }) {
    const app = await context.app();
    const source = await app.openSource(args.connection, context.signal);
    try {
      const known = await subscribed({ store: app.store, tenant: app.streams.tenant }, args.connection);
      const findings = [
        ...(await source.check()),
        ...(known ? [await checkWebhooks(source, known, args.connection)] : []),
      ];
      if (context.json) await context.out(json(findings));
      else
        for (const { subject, ok, message, remedy } of findings)
          await context.out(
            `${ok ? 'ok    ' : 'NOT OK'}  ${subject}: ${plain(message)}${ok || !remedy ? '' : ` ${plain(remedy)}`}\n`,
          );
      return findings.every((finding) => finding.ok) ? EXIT.ok : EXIT.failed;
    } finally {
      await source.close();
    }
  },
});

export const connectionsSample = command({
  path: 'connections sample',
  about: 'Read a few records of a stream and show what its mappings make of them; nothing is written',
  args: { stream: one('connection/stream') },
  options: { limit: count('<n>', 'At most so many records', 3), raw: flag('Do not map them') },
  examples: [
    ['tributary connections sample feeds/products', 'three records, raw and mapped'],
    ['tributary connections sample shop/orders --limit 1 --raw', 'one as it comes'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    const samples = await sampleConnection(context, args.stream, { limit: options.limit, map: !options.raw });
    await context.out(context.json ? json(samples) : samplesText(samples));
    return hasProblems(samples) ? EXIT.attention : EXIT.ok;
  },
});

/** Records of a configured stream. */
export async function sampleConnection(
  context: CommandContext,
  target: string,
  options: { readonly limit: number; readonly map: boolean },
): Promise<Samples> {
  const app = await context.app();
  const stream = streamOf(app, target);
  const mappings = options.map ? stream.config.mappings.map((name) => findMapping(name, app.mappingFolders)) : [];
  const connection = app.config.connections.find((one) => one.name === stream.connection);
  if (!connection) throw new TributaryError('ERR_NOT_FOUND', `There is no connection ${stream.connection}.`);
  const source = await app.openSource(connection.name, context.signal);
  try {
    const declaration = source.streams().find((one) => one.name === stream.name);
    if (!declaration)
      throw new TributaryError(
        'ERR_CONFIG_INVALID',
        `Connector ${stream.connector.name} has no stream ${stream.name}.`,
      );
    return await sampleStream({
      source,
      stream: declaration,
      connector: stream.connector,
      mappings,
      limit: options.limit,
      scratchDir: app.contextOf(connection, context.signal).scratchDir,
    });
  } finally {
    await source.close();
  }
}

const pausing = (paused: boolean) =>
  command({
    path: paused ? 'connections pause' : 'connections resume',
    about: paused
      ? 'Start no run of a connection until it is resumed; one that is going stops after its slice'
      : 'Let a paused connection go on',
    args: { connection: NAME },
    options: {},
    examples: paused
      ? [['tributary connections pause shop', 'while its vendor moves house']]
      : [['tributary connections resume shop', 'schedules go on, and make up for what was missed']],
    where: 'program',
    async run(context, { args }) {
      const app = await context.app();
      const changed = await pauseConnection(app.runs, {
        tenant: app.streams.tenant,
        connection: args.connection,
        paused,
        actor: actor(),
      });
      if (context.json) await context.out(json({ connection: args.connection, paused, changed }));
      else
        await context.out(
          `Connection ${args.connection} is ${paused ? 'paused' : 'active'}${changed ? '' : ', as before'}.\n`,
        );
      return EXIT.ok;
    },
  });

export const connectionsPause = pausing(true);
export const connectionsResume = pausing(false);
