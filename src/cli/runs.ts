import { approveRun, heldDeletes } from '../run/approve-run.ts';
import { cancelRun } from '../run/cancel-run.ts';
import { isOver, runLog, runNumber, showRun } from '../run/list-runs.ts';
import { actor } from './actor.ts';
import { command, count, EXIT, flag, one } from './command.ts';
import { waitingWrites } from './follow-runs.ts';
import { counted, facts, json, plain } from './render.ts';

const RUN = one('Its id (run_…), as runs list shows it');
/** How often a log that is followed is looked at. */
const LOOK_MS = 500;

export const runsShow = command({
  path: 'runs show',
  about: 'Show one run: every record accounted for',
  args: { run: RUN },
  options: { deletes: count('<n>', 'Show at most so many deletes that wait or were made', 20) },
  examples: [['tributary runs show run_00000000100', 'counts, reasons, error, waiting deletes']],
  where: 'program',
  async run(context, { args, options }) {
    const { store, streams } = await context.app();
    const { run, deletes } = await store.answer(streams.tenant, async (tx) => ({
      run: await showRun(tx, args.run),
      deletes: await heldDeletes(tx, runNumber(args.run), options.deletes),
    }));
    if (context.json) await context.out(json({ ...run, deletes }));
    else {
      const { error, skippedBy, entities, ...rest } = run;
      await context.out(
        facts({
          ...rest,
          skippedBy: counts(skippedBy),
          entities: counts(entities),
          error: error ? `${error.message} ${error.remedy} [${error.code}]` : null,
        }),
      );
      for (const one of deletes) await context.out(`delete (${one.state})  ${plain(one.externalId)}\n`);
      if (run.state === 'held')
        await context.err(
          run.mode === 'push'
            ? `${waitingWrites(run)}\n`
            : `${counted(run.held, 'delete')} wait. To carry out exactly these: tributary runs approve ${run.id}\n`,
        );
    }
    return EXIT.ok;
  },
});

const counts = (of: Readonly<Record<string, number>>): string =>
  Object.entries(of)
    .map(([name, number]) => `${name} ${number}`)
    .join(', ');

export const runsLogs = command({
  path: 'runs logs',
  about: 'Show what a run told while it went',
  args: { run: RUN },
  options: { follow: flag('Go on until the run has ended') },
  examples: [
    ['tributary runs logs run_00000000100', 'the whole log'],
    ['tributary runs logs run_00000000100 --follow', 'and what is to come'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    const { store, streams, clock } = await context.app();
    let told = 0;
    for (;;) {
      const { run, lines } = await store.answer(streams.tenant, async (tx) => ({
        run: await showRun(tx, args.run),
        lines: await runLog(tx, runNumber(args.run)),
      }));
      const isLast = !options.follow || isOver(run);
      if (context.json && isLast) await context.out(json(lines));
      if (!context.json)
        for (const line of lines.slice(told))
          await context.out(
            `${line.at.slice(0, 19).replace('T', ' ')} ${line.level.toUpperCase().padEnd(5)} ${plain(line.message)}\n`,
          );
      told = lines.length;
      if (isLast) return EXIT.ok;
      await clock.sleep(LOOK_MS, context.signal);
    }
  },
});

export const runsCancel = command({
  path: 'runs cancel',
  about: 'End a run; what it loaded stays',
  details: 'A run that nobody works on ends at once, one that is being worked on at its next page.',
  args: { run: RUN },
  options: {},
  examples: [['tributary runs cancel run_00000000100', 'the next run goes on from the last checkpoint']],
  where: 'program',
  async run(context, { args }) {
    const app = await context.app();
    const became = await cancelRun(app.runs, app.streams.tenant, runNumber(args.run));
    const words = became === 'cancelled' ? 'is cancelled' : 'ends at its next page';
    await context.out(
      context.json
        ? json({ id: args.run, state: became === 'cancelled' ? 'cancelled' : 'cancelling' })
        : `Run ${args.run} ${words}.\n`,
    );
    return EXIT.ok;
  },
});

export const runsApprove = command({
  path: 'runs approve',
  about: 'Carry out exactly the deletes that a held run listed',
  details: 'Records that were seen again since stay. To refuse the deletes instead: tributary runs cancel <run>.',
  args: { run: RUN },
  options: {},
  examples: [
    ['tributary runs show run_00000000100', 'first: what would be deleted'],
    ['tributary runs approve run_00000000100', 'then: delete it'],
  ],
  where: 'program',
  async run(context, { args }) {
    const app = await context.app();
    const done = await approveRun(app.runs, { tenant: app.streams.tenant, id: runNumber(args.run), actor: actor() });
    if (context.json) await context.out(json({ id: args.run, ...done }));
    else
      await context.out(
        `${counted(done.deleted, 'record')} deleted${done.returned > 0 ? `, ${done.returned} had come back and stay` : ''}; run ${args.run} ${done.state}.\n`,
      );
    return done.state === 'succeeded' ? EXIT.ok : EXIT.attention;
  },
});
