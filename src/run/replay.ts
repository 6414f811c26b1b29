import { publicId } from '../canonical/ids.ts';
import { type LetterFilter, listDeadLetters } from '../load/list-dead-letters.ts';
import type { RunDeps } from './deps.ts';
import { requestRun } from './request-run.ts';
import type { RunTrigger } from './states.ts';

export type Replay = {
  readonly runs: readonly number[];
  readonly letters: number;
  /** Open dead letters of which no bytes are kept: only the source can send them again. */
  readonly without: readonly string[];
};

/** Makes one run for each stream with open dead letters among those asked for; the run tries exactly these again. */
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
  for (const letter of all)
    if (letter.canReplay) byStream.set(letter.streamId, [...(byStream.get(letter.streamId) ?? []), letter.number]);
  const runs: number[] = [];
  for (const [streamId, numbers] of byStream) {
    runs.push(
      await requestRun(deps, await deps.stream(streamId), {
        mode: 'replay',
        trigger,
        cursor: { deadLetters: numbers },
      }),
    );
  }
  const without = all.flatMap((letter) => (letter.canReplay ? [] : [publicId('deadLetter', letter.number)]));
  return { runs, letters: all.length - without.length, without };
}

/** What one replay takes on; the rest is there for the next. */
const MOST = 100_000;
