/**
 * Pages in which little is new are committed together: a commit costs the same whether it brings one changed record or
 * five thousand.
 */
import type { PreparedPage } from '../load/types.ts';
import type { Prepared } from './prepare.ts';

/** A page on its way to its commit. */
export type Step = {
  readonly prepared: Prepared;
  readonly afterCommit: (() => Promise<void>) | undefined;
  readonly waitUntil: Date | null;
};

/** Recognised records in one commit, per record of page size. */
const RECOGNISED = 10;

/** What is held for one commit, in bytes: some records are large. */
const MOST_BYTES = 64 << 20;

/** @param pageSize records to be written in one commit at most */
export async function* coalesce(steps: AsyncIterable<Step>, pageSize: number): AsyncGenerator<Step> {
  let held: Step | null = null;
  for await (const step of steps) {
    if (held && !fits(held, step, pageSize)) {
      yield held;
      held = step;
    } else held = held ? join(held, step) : step;
  }
  if (held) yield held;
}

function fits(held: Step, step: Step, pageSize: number): boolean {
  const { page } = held.prepared;
  const next = step.prepared.page;
  return (
    !page.complete &&
    page.again === next.again &&
    held.afterCommit === undefined &&
    // A record may come back after its tombstone.
    page.tombstones.length === 0 &&
    held.prepared.bytes + step.prepared.bytes <= MOST_BYTES &&
    page.candidates.length + next.candidates.length <= pageSize &&
    page.recognised.length + next.recognised.length <= RECOGNISED * pageSize &&
    page.window.id === next.window.id &&
    page.window.scope === next.window.scope &&
    page.observedAt.getTime() === next.observedAt.getTime() &&
    JSON.stringify(page.context) === JSON.stringify(next.context)
  );
}

/** The records of the second page stand behind all of the first. */
const behind = <Placed extends { readonly place: number }>(first: PreparedPage, placed: readonly Placed[]): Placed[] =>
  placed.map((one) => ({ ...one, place: one.place + first.candidates.length + first.recognised.length }));

function join(held: Step, step: Step): Step {
  const both = (a: PreparedPage, b: PreparedPage): PreparedPage => ({
    ...b,
    candidates: [...a.candidates, ...behind(a, b.candidates)],
    recognised: [...a.recognised, ...behind(a, b.recognised)],
    tombstones: [...a.tombstones, ...b.tombstones],
    problems: [...a.problems, ...b.problems],
    rows: a.rows + b.rows,
    next: b.next ?? a.next,
  });
  const [first, second] = [held.prepared, step.prepared];
  return {
    ...step,
    prepared: {
      page: both(first.page, second.page),
      bytes: first.bytes + second.bytes,
      refresh: (known) => both(first.refresh(known), second.refresh(known)),
    },
  };
}
