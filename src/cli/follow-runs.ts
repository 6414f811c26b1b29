/** Runs that a command waits for: how far they are, how they ended, and the exit code that follows. */

import type { App } from '../app.ts';
import { publicId } from '../canonical/ids.ts';
import { cancelRun } from '../run/cancel-run.ts';
import { isOver, listRuns, type RunFacts } from '../run/list-runs.ts';
import { EXIT } from './command.ts';
import type { CommandContext } from './context.ts';
import { counted, json, plain, table } from './render.ts';

const LOOK_MS = 150;

/**
 * Waits until all runs are over, or the work fails; wakes them where a queue runs. A command that is stopped cancels its runs.
 * @returns them in the order of `ids`
 */
export async function followRuns(
  context: CommandContext,
  app: App,
  ids: readonly number[],
  work: readonly Promise<void>[],
): Promise<RunFacts[]> {
  const { service, signal } = context;
  const tenant = app.streams.tenant;
  const look = async () => {
    const runs = await app.store.answer(tenant, (tx) => listRuns(tx, { ids, limit: ids.length, page: 1 }));
    return ids.flatMap((id) => runs.find((run) => run.id === publicId('run', id)) ?? []);
  };
  try {
    if (service) for (const id of ids) await service.queue.wake({ run: publicId('run', id), tenant: String(tenant) });
    const expected = await lastReads(app, ids);
    let isWorking = true;
    const ended = Promise.all(work).finally(() => {
      isWorking = false;
    });
    const told = new Set<string>();
    for (;;) {
      const runs = await look();
      if (runs.every(isOver)) return runs;
      if (work.length > 0 && !isWorking) await ended; // Throws what went wrong.
      context.progress({ label: labelOf(runs), done: sum(runs, 'read'), total: expected });
      await tellRetries(context, runs, told);
      await Promise.race([app.clock.sleep(LOOK_MS, signal), ...(work.length > 0 ? [ended] : [])]);
    }
  } catch (thrown) {
    if (signal.aborted) await stopRuns(app, ids, work);
    throw thrown;
  }
}

/** Whoever worked here has let go by then; a worker of the program is asked to. */
async function stopRuns(app: App, ids: readonly number[], work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  for (const id of ids) await cancelRun(app.runs, app.streams.tenant, id).catch(() => undefined); // It ended first.
}

const sum = (runs: readonly RunFacts[], of: 'read'): number => runs.reduce((total, run) => total + run[of], 0);

function labelOf(runs: readonly RunFacts[]): string {
  const going = runs.filter((run) => !isOver(run));
  const [only] = going;
  return going.length === 1 && only
    ? `${only.connection}/${only.stream}`
    : `${going.length} of ${runs.length} streams to go`;
}

/** What the last runs of the same kind read: the best guess there is. `null`: there was none. */
async function lastReads(app: App, ids: readonly number[]): Promise<number | null> {
  const runs = await app.store.answer(app.streams.tenant, (tx) => listRuns(tx, { ids, limit: ids.length, page: 1 }));
  let total = 0;
  for (const run of runs) {
    const [last] = await app.store.answer(app.streams.tenant, (tx) =>
      listRuns(tx, {
        connection: run.connection,
        stream: run.stream,
        states: ['succeeded', 'incomplete', 'held'],
        limit: 1,
        page: 1,
      }),
    );
    if (!last || last.mode !== run.mode) return null;
    total += last.read;
  }
  return total > 0 ? total : null;
}

async function tellRetries(context: CommandContext, runs: readonly RunFacts[], told: Set<string>): Promise<void> {
  for (const run of runs) {
    if (run.state !== 'queued' || !run.error || !run.nextAttemptAt || told.has(`${run.id} ${run.nextAttemptAt}`))
      continue;
    told.add(`${run.id} ${run.nextAttemptAt}`);
    await context.err(
      `${run.connection}/${run.stream}: ${plain(run.error.message)} Tried again at ${run.nextAttemptAt.slice(11, 19)} UTC.\n`,
    );
  }
}

/** A table of runs. */
export const runTable = (runs: readonly RunFacts[], width: number | null): string =>
  table(
    runs,
    [
      { title: 'RUN', of: (run) => run.id },
      { title: 'STREAM', of: (run) => `${run.connection}/${run.stream}` },
      { title: 'MODE', of: (run) => run.mode },
      { title: 'STATE', of: (run) => run.state },
      { title: 'READ', of: (run) => run.read, right: true },
      { title: 'CREATED', of: (run) => run.created, right: true },
      { title: 'UPDATED', of: (run) => run.updated, right: true },
      { title: 'UNCHANGED', of: (run) => run.unchanged, right: true },
      { title: 'SKIPPED', of: (run) => run.skipped, right: true },
      { title: 'DEAD', of: (run) => run.deadLettered, right: true },
      { title: 'DELETED', of: (run) => run.deleted, right: true },
      { title: 'STARTED (UTC)', of: (run) => run.startedAt?.slice(0, 19).replace('T', ' ') ?? '' },
    ],
    width,
  );

/** The end of runs, and what to do about those that did not simply succeed. */
export async function showRuns(context: CommandContext, runs: readonly RunFacts[]): Promise<void> {
  context.progress(null);
  if (context.json) return context.out(json(runs));
  await context.out(runTable(runs, context.width));
  for (const run of runs)
    for (const line of adviceOn(run)) await context.err(`${run.connection}/${run.stream}: ${line}\n`);
}

function* adviceOn(run: RunFacts): Generator<string> {
  if (run.error) yield `${plain(run.error.message)} ${plain(run.error.remedy)} [${run.error.code}]`;
  if (run.state === 'held' && run.mode === 'push') yield waitingWrites(run);
  if (run.held > 0)
    yield `${counted(run.held, 'delete')} wait for approval: tributary runs show ${run.id}, then tributary runs approve ${run.id}`;
  if (run.deadLettered > 0)
    yield `${counted(run.deadLettered, 'record')} could not be loaded: tributary deadletters list --connection ${run.connection} --stream ${run.stream}`;
}

/** What to do about a push that only listed. */
export const waitingWrites = ({ connection }: RunFacts): string =>
  `What it would write waits for approval: tributary connections writes ${connection}, then tributary connections approve-writes ${connection}`;

export function exitOfRuns(runs: readonly RunFacts[]): number {
  if (runs.some((run) => run.state === 'failed' || run.state === 'cancelled')) return EXIT.failed;
  return runs.some((run) => run.state !== 'succeeded' || run.deadLettered > 0) ? EXIT.attention : EXIT.ok;
}
