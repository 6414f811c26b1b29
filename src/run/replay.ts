import { publicId } from '../canonical/ids.ts';
import { type LetterFilter, listDeadLetters } from '../load/list-dead-letters.ts';
import { type NamedChange, noteChanges } from './changed-ids.ts';
import type { RunDeps } from './deps.ts';
import { requestRun } from './request-run.ts';
import type { RunTrigger } from './states.ts';

export type Replay = {
  readonly runs: readonly number[];
  readonly letters: number;
  /** Open dead letters that are no record and name none: only the source can send them again. */
  readonly without: readonly string[];
};

/**
 * Makes one run for each stream with open dead letters among those asked for; the run tries exactly these again. Records
 * that could not be read, and whose ids are known, are read again from the source; of a stream that is written to, the
 * entities are planned again.
 */
export async function requestReplay(
  deps: RunDeps,
  tenant: number,
  filter: Omit<LetterFilter, 'limit' | 'page' | 'states'>,
  trigger: RunTrigger,
): Promise<Replay> {
  const all = await deps.store.answer(tenant, (tx) =>
    listDeadLetters(tx, { ...filter, states: ['open'], limit: MOST, page: 1 }),
  );
  const byStream = new Map<number, number[]>();
  const unread: NamedChange[] = [];
  const without: string[] = [];
  for (const { canReplay, externalId, streamId, number } of all) {
    const isWritten = (await deps.stream(streamId)).writes !== null;
    if (canReplay || (isWritten && externalId !== null))
      byStream.set(streamId, [...(byStream.get(streamId) ?? []), number]);
    else if (externalId !== null) unread.push({ streamId, id: externalId });
    else without.push(publicId('deadLetter', number));
  }
  const runs: number[] = [];
  for (const [streamId, numbers] of byStream) {
    const stream = await deps.stream(streamId);
    const mode = stream.writes ? 'push' : 'replay';
    runs.push(await requestRun(deps, stream, { mode, trigger, cursor: { deadLetters: numbers } }));
  }
  if (unread.length > 0) {
    const ids = await deps.store.newIds(2 * unread.length);
    const at = deps.clock.now();
    runs.push(...(await deps.store.transaction((tx) => noteChanges(tx, { tenant, at, changes: unread, ids }))));
  }
  return { runs, letters: all.length - without.length, without };
}

/** What one replay takes on; the rest is there for the next. */
const MOST = 100_000;
