import { TributaryError } from '../errors.ts';
import { resetCheckpoint, showCheckpoints } from '../run/checkpoints.ts';
import { actor } from './actor.ts';
import { command, EXIT, flag, maybe, one } from './command.ts';
import { streamOf } from './lists.ts';
import { json, plain, table, when } from './render.ts';

export const checkpointsShow = command({
  path: 'checkpoints show',
  about: 'Show where each stream is read on',
  args: { target: maybe('connection or connection/stream') },
  options: {},
  examples: [
    ['tributary checkpoints show', 'of all streams'],
    ['tributary checkpoints show feeds/products', 'of one'],
  ],
  where: 'program',
  async run(context, { args }) {
    const { store, streams } = await context.app();
    const [connection, stream] = args.target?.split('/') ?? [];
    const checkpoints = await store.answer(streams.tenant, (tx) => showCheckpoints(tx, { connection, stream }));
    if (args.target !== undefined && checkpoints.length === 0)
      throw new TributaryError('ERR_NOT_FOUND', `There is no stream ${args.target}.`, {
        remedy: 'List them with `tributary connections list`.',
      });
    if (context.json) await context.out(json(checkpoints));
    else {
      await context.out(
        table(
          checkpoints,
          [
            { title: 'STREAM', of: (one) => `${one.connection}/${one.stream}` },
            { title: 'LAST READ (UTC)', of: (one) => when(one.movedAt) },
            { title: 'CURSOR', of: (one) => (one.cursor === null ? 'from the beginning' : plain(one.cursor)) },
          ],
          context.width,
        ),
      );
    }
    return EXIT.ok;
  },
});

export const checkpointsReset = command({
  path: 'checkpoints reset',
  about: 'Have a stream read from the beginning at its next run',
  details: 'Nothing that was loaded is touched: what is read again and has not changed counts as unchanged.',
  args: { stream: one('connection/stream') },
  options: { yes: flag('Do not ask') },
  examples: [['tributary checkpoints reset feeds/products --yes', 'the next sync reads everything']],
  where: 'program',
  async run(context, { args, options }) {
    const app = await context.app();
    const stream = streamOf(app, args.stream);
    if (!options.yes) {
      const answer = await context.ask(`Read ${args.stream} from the beginning at its next run? [y/N] `);
      if (answer === null)
        throw new TributaryError('ERR_CLI_USAGE', 'Nobody is there to be asked.', {
          remedy: 'Add --yes if you mean it.',
        });
      if (!/^y(es)?$/i.test(answer.trim())) throw new TributaryError('ERR_CLI_CANCELLED', 'Nothing was changed.');
    }
    const forgotten = await resetCheckpoint(app.runs, stream, actor());
    if (context.json) await context.out(json({ connection: stream.connection, stream: stream.name, forgotten }));
    else
      await context.out(
        forgotten === null
          ? `${args.stream} starts from the beginning anyway.\n`
          : `${args.stream} is read from the beginning at its next run: tributary sync ${args.stream}\n`,
      );
    return EXIT.ok;
  },
});
