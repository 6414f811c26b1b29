/** Making a phase's runs and working on them to their end. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunDeps, RunStream } from '../../src/run/deps.ts';
import { createRun } from '../../src/run/runs.ts';
import { runSlice } from '../../src/run/slice.ts';
import { type Store, sql } from '../../src/store/store.ts';
import type { Phase } from './feed.ts';

/** Times that a failed run is followed by another. */
const TRIES = 5;
const ENDED = ['succeeded', 'incomplete', 'held'];

const dueAt = (phase: Phase, attempt: number): Date => new Date(Date.UTC(2025, 5, phase, attempt));

/** The phase's run of each stream, made where it is missing; a failed one is followed by another. What ended well is left out. */
export async function openRuns(
  store: Store,
  streams: readonly Pick<RunStream, 'id' | 'tenant'>[],
  phase: Phase,
): Promise<number[]> {
  const open: number[] = [];
  for (const stream of streams) {
    for (let attempt = 0; attempt < TRIES; attempt += 1) {
      const due = dueAt(phase, attempt);
      await createRun(store, {
        tenant: stream.tenant,
        streamId: stream.id,
        mode: 'incremental',
        trigger: 'command',
        dueAt: due,
      });
      const [run] = await store.rows<{ id: number; state: string }>(
        sql`select id, state from run where stream_id = ${stream.id} and due_at = ${due.toISOString()}::timestamptz`,
      );
      if (!run || run.state === 'failed') continue;
      if (!ENDED.includes(run.state)) open.push(run.id);
      break;
    }
  }
  return open;
}

/** What became of the runs that failed. */
export async function failedRuns(store: Store): Promise<string[]> {
  const rows = await store.rows<{ stream: string; error: unknown }>(
    sql`select s.name as stream, r.error from run r join stream s on s.id = r.stream_id where r.state = 'failed' order by r.id`,
  );
  return rows.map((row) => `${row.stream}: ${JSON.stringify(row.error)}`);
}

/** Slice by slice until the run is at its end. */
export async function syncRun(deps: RunDeps, store: Store, run: number): Promise<void> {
  const { signal } = new AbortController();
  for (;;) {
    const next = await runSlice(deps, run, signal);
    const [row] = await store.rows<{ state: string }>(sql`select state from run where id = ${run}`);
    if (row && row.state !== 'queued' && row.state !== 'running') return;
    await sleep(Math.min(next?.againInMs ?? 50, 2000));
  }
}
