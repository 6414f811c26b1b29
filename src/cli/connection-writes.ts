import { ENTITY_NAMES } from '../canonical/entities.ts';
import { publicId } from '../canonical/ids.ts';
import { approveWrites, type ListedWrite, listWrites } from '../run/approve-writes.ts';
import { requestRun } from '../run/request-run.ts';
import { actor } from './actor.ts';
import { command, count, EXIT, one } from './command.ts';
import { exitOfRuns, showRuns } from './follow-runs.ts';
import { counted, json, plain, table } from './render.ts';
import { workThrough } from './sync.ts';

const NAME = one('Its name in tributary.yaml');

export const connectionsWrites = command({
  path: 'connections writes',
  about: 'Show what is about to be written to a connection, and what was refused for a while',
  details: 'The first outgoing run of a connection only lists. Nothing is sent before `connections approve-writes`.',
  args: { connection: NAME },
  options: { limit: count('<n>', 'At most so many', 20) },
  examples: [['tributary connections writes crm', 'records, actions and values']],
  where: 'program',
  async run(context, { args, options }) {
    const { store, streams } = await context.app();
    const found = await store.answer(streams.tenant, (tx) =>
      listWrites(tx, streams.tenant, args.connection, options.limit),
    );
    const writes = found.writes.map((write) => ({ ...write, entityId: subjectOf(write) }));
    if (context.json) {
      await context.out(json({ ...found, writes }));
      return EXIT.ok;
    }
    if (writes.length === 0) await context.out('Nothing is about to be written.\n');
    else
      await context.out(
        table(
          writes,
          [
            { title: 'STREAM', of: ({ stream }) => stream },
            { title: 'ENTITY', of: ({ entityId }) => entityId },
            { title: 'ACTION', of: ({ action }) => action },
            { title: 'VENDOR ID', of: ({ externalId }) => externalId },
            { title: 'STATE', of: ({ state }) => state },
            { title: 'VALUES', of: ({ values }) => plain(JSON.stringify(values)) },
          ],
          context.width,
        ),
      );
    if (found.total > writes.length) await context.out(`… of ${found.total}\n`);
    if (!found.approved && found.total > 0)
      await context.err(
        `${counted(found.total, 'write')} wait. To let them go: tributary connections approve-writes ${args.connection}\n`,
      );
    return EXIT.ok;
  },
});

function subjectOf({ entity, entityId, part }: ListedWrite): string {
  const name = ENTITY_NAMES.find((known) => known === entity);
  return name ? publicId(name, entityId) : `${publicId('variant', entityId)}@${part}`;
}

export const connectionsApproveWrites = command({
  path: 'connections approve-writes',
  about: 'Let a connection be written to, and write what was listed',
  args: { connection: NAME },
  options: {},
  examples: [
    ['tributary connections writes crm', 'first: what would be written'],
    ['tributary connections approve-writes crm', 'then: write it, and whatever changes from now on'],
  ],
  where: 'program',
  async run(context, { args }) {
    const app = await context.app();
    const listed = await approveWrites(app.runs, {
      tenant: app.streams.tenant,
      connection: args.connection,
      actor: actor(),
    });
    const outs = app.streams.all.filter((stream) => stream.connection === args.connection && stream.writes !== null);
    const made: number[] = [];
    for (const stream of listed === null ? [] : outs)
      made.push(await requestRun(app.runs, stream, { mode: 'push', trigger: 'command' }));
    const runs = await workThrough(context, app, made);
    if (context.json) await context.out(json({ connection: args.connection, approved: true, listed, runs }));
    else {
      await context.out(
        listed === null
          ? `Writes to ${args.connection} were approved before.\n`
          : `Writes to ${args.connection} are approved; ${counted(listed, 'write')} had been listed.\n`,
      );
      if (made.length > 0) await showRuns(context, runs);
    }
    return exitOfRuns(runs);
  },
});
