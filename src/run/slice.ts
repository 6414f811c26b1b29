/**
 * One slice of a run: take the lease, load pages until the time is up or the source is read to its end, give the lease
 * back. A crash anywhere leaves a run that another slice goes on with.
 */
import { publicId } from '../canonical/ids.ts';
import type { JsonObject, TrafficClass } from '../connector/contract.ts';
import { asTributaryError, TributaryError } from '../errors.ts';
import { readPages } from '../extract/pages.ts';
import { DEFAULT_RETRY, delayFor } from '../extract/retry.ts';
import { commitPage } from '../load/commit.ts';
import { DELETES, deleteAbsent } from '../load/deletes.ts';
import type { MappingSet, PageOutcome } from '../load/types.ts';
import { sql } from '../store/store.ts';
import { changedSource } from './changed-ids.ts';
import { coalesce, type Step } from './coalesce.ts';
import type { RunDeps, RunStream } from './deps.ts';
import { type Known, loadKnown, NOTHING_KNOWN } from './known.ts';
import { type Prepared, preparePage } from './prepare.ts';
import {
  balanceOf,
  claimRun,
  logRun,
  moveRun,
  pauseRun,
  type RunError,
  type RunRow,
  renewLease,
  retryRun,
  webhooksWait,
} from './runs.ts';
import { storedPages } from './stored-pages.ts';

/** When to wake the run again; `null`: it is at its end, or somebody else has it. */
export type SliceResult = { readonly againInMs: number } | null;

export async function runSlice(deps: RunDeps, runId: number, signal: AbortSignal): Promise<SliceResult> {
  const [found] = await deps.store.rows<{ stream_id: number }>(sql`select stream_id from run where id = ${runId}`);
  if (!found) return null;
  const stream = await deps.stream(found.stream_id).catch((thrown: unknown) => tellStrange(deps, runId, thrown));
  if (stream === null) return { againInMs: STRANGE_MS };
  const claim = await claimRun(deps.store, runId, deps.clock.now(), deps.leaseMs);
  if (!claim || !('run' in claim)) return claim;
  const { run } = claim;
  const lease = new AbortController();
  const heartbeat = keepLease(deps, run, lease);
  const stop = AbortSignal.any([signal, lease.signal]);
  try {
    return await workOn(deps, run, stream, stop);
  } catch (thrown) {
    return await onFailure(deps, run, stream, thrown, signal);
  } finally {
    lease.abort();
    await heartbeat;
  }
}

/** A run of a stream that this process does not know is looked at again so late. */
const STRANGE_MS = 60_000;

/** The stream left the configuration with a run on its way, or is another process's: the run is left to that one, or to its return. */
function tellStrange({ log }: RunDeps, runId: number, thrown: unknown): null {
  const { code, message } = asTributaryError(thrown);
  log.warn({ run: publicId('run', runId), code }, `a run waits: ${message}`);
  return null;
}

/** Renews the lease at a third of its time; ends the slice when it is lost. */
async function keepLease(deps: RunDeps, run: RunRow, lease: AbortController): Promise<void> {
  while (!lease.signal.aborted) {
    try {
      await deps.clock.sleep(deps.leaseMs / 3, lease.signal);
      if (!(await renewLease(deps.store, run, deps.clock.now(), deps.leaseMs))) lease.abort();
    } catch {
      // Aborted, or the store is away: the fence decides, not the heartbeat.
    }
  }
}

/** A slice stays this long before it gives way to webhooks, so that it comes on. */
const GIVE_WAY_MS = 2_000;

type Progress = { seq: number; isCancelled: boolean };

async function workOn(deps: RunDeps, run: RunRow, stream: RunStream, signal: AbortSignal): Promise<SliceResult> {
  if (run.cancel_requested) return end(deps, run, stream, 'cancelled');
  if (stream.writes) return push(deps, run, stream, signal);
  const set = await settleSet(deps, run, stream);
  const progress: Progress = { seq: run.seq, isCancelled: false };
  if (run.closing)
    await closeWindow(deps, run, stream, null, progress, {
      ...run.closing,
      observedAt: new Date(run.closing.observedAt),
    });
  const until = deps.clock.now().getTime() + deps.sliceMs;
  const known = stream.mode === 'patch' ? Promise.resolve(NOTHING_KNOWN) : loadKnown(deps.store, stream.id, set.id);
  known.catch(() => undefined); // Awaited when the first page is there, which is read meanwhile.
  const load = () => loadPages(deps, run, stream, set, known, progress, until, signal);
  let outcome = await load();
  const isThrough = outcome === 'done' && !progress.isCancelled && run.mode === 'incremental';
  // What changed behind a window that an earlier run left half read is in the next one.
  if (isThrough && (await endedAnothersWindow(deps, run))) outcome = await load();
  if (progress.isCancelled) return end(deps, run, stream, 'cancelled');
  if (outcome === 'done') return finish(deps, run, stream);
  await pauseRun(deps.store, run, outcome.notBefore);
  return { againInMs: outcome.notBefore ? Math.max(0, outcome.notBefore.getTime() - deps.clock.now().getTime()) : 0 };
}

/** The way back: what changed here is written there. */
async function push(deps: RunDeps, run: RunRow, stream: RunStream, signal: AbortSignal): Promise<SliceResult> {
  const until = deps.clock.now().getTime() + deps.sliceMs;
  const { state, notBefore } = await deps.push(run, stream, until, signal);
  if (state === 'cancelled') return end(deps, run, stream, 'cancelled');
  if (state === 'done') return finish(deps, run, stream);
  await pauseRun(deps.store, run, notBefore);
  return { againInMs: notBefore ? Math.max(0, notBefore.getTime() - deps.clock.now().getTime()) : 0 };
}

/** A run keeps the mappings it began with, so that all of it means the same. */
async function settleSet(deps: RunDeps, run: RunRow, stream: RunStream): Promise<MappingSet> {
  if (run.mapping_set !== null) return deps.load.mappingSet(stream.id, run.mapping_set);
  const set = await deps.currentSet(stream);
  await deps.store.rows(
    sql`update run set mapping_set = ${set.id} where id = ${run.id} and lease_epoch = ${run.lease_epoch}`,
  );
  return set;
}

/** Whether the window that the run read last was begun by another: it shows the source as it was before this run. */
async function endedAnothersWindow({ store }: RunDeps, run: RunRow): Promise<boolean> {
  const rows = await store.rows(sql`
    select 1 from (select stream_id, window_id from page where run_id = ${run.id} and window_id not like ${`%${DELETES}`} order by seq desc limit 1) mine
    where exists (select 1 from page p where p.stream_id = mine.stream_id and p.window_id = mine.window_id and p.run_id <> ${run.id})`);
  return rows.length > 0;
}

type Loaded = 'done' | { readonly notBefore: Date | null };

async function loadPages(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  set: MappingSet,
  loadingKnown: Promise<Known>,
  progress: Progress,
  until: number,
  signal: AbortSignal,
): Promise<Loaded> {
  let committing: Promise<void> | null = null;
  let notBefore: Date | null = null;
  // However long its first page takes, a slice brings one, or it would read that page for ever.
  let isOn = false;
  try {
    for await (const { prepared, afterCommit, waitUntil } of coalesce(
      pagesOf(deps, run, stream, set, loadingKnown, signal),
      deps.pageSize,
    )) {
      const known = await loadingKnown;
      // The next page is prepared while the server takes the last one in; here the last one must be through.
      if (committing) await committing;
      committing = null;
      if (progress.isCancelled) return 'done';
      signal.throwIfAborted();
      const now = deps.clock.now().getTime();
      if (isOn && now >= until) return { notBefore: null };
      if (
        isOn &&
        run.mode !== 'ids' &&
        now >= until - deps.sliceMs + GIVE_WAY_MS &&
        (await webhooksWait(deps.store, stream.id))
      )
        return { notBefore: null };
      const sent = Promise.withResolvers<void>();
      committing = commit(deps, run, stream, set, known, progress, prepared, afterCommit, sent.resolve);
      committing.then(sent.resolve, sent.resolve); // Awaited at the next turn; until then it must not count as unhandled.
      notBefore = waitUntil;
      isOn = true;
      await sent.promise;
    }
    if (committing) await committing;
  } finally {
    await committing?.catch(() => undefined);
  }
  signal.throwIfAborted();
  return notBefore ? { notBefore } : 'done';
}

async function* pagesOf(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  set: MappingSet,
  known: Promise<Known>,
  signal: AbortSignal,
): AsyncGenerator<Step> {
  if (run.mode === 'remap' || run.mode === 'replay') {
    for await (const page of storedPages(deps, run, stream, set))
      yield {
        // A part is cut from the payload of all its page.
        prepared: { page, bytes: page.candidates[0]?.parts[0]?.buffer.byteLength ?? 0, refresh: () => page },
        afterCommit: undefined,
        waitUntil: null,
      };
    return;
  }
  if (run.mode === 'push') throw new TributaryError('ERR_INTERNAL', `stream ${stream.name} is not written to`);
  const trafficClass: TrafficClass =
    run.trigger === 'webhook' ? 'webhook' : run.mode === 'incremental' ? 'poll' : 'backfill';
  const { source, declaration, scratchDir } = await deps.open(stream, signal, trafficClass);
  try {
    const cursor = await cursorOf(deps, run, stream);
    const request = {
      stream: stream.name,
      cursor,
      mode: run.mode === 'ids' ? ('incremental' as const) : run.mode,
      pageSize: deps.pageSize,
      groupBy: set.groupBy,
      trafficClass,
    };
    for await (const page of readPages({
      source: run.mode === 'ids' ? changedSource(deps.store, stream, source) : source,
      stream: declaration,
      request,
      decode: stream.connector.decode,
      isRawJson: stream.connector.isRawJson,
      scratchDir,
    })) {
      yield {
        prepared: await preparePage(page, set, await known),
        afterCommit: page.afterCommit,
        waitUntil: page.notBefore,
      };
    }
  } finally {
    await source.close();
  }
}

/** Where to read on. A sweep goes on where the last one ended; a full read begins at the beginning. */
async function cursorOf(deps: RunDeps, run: RunRow, stream: RunStream): Promise<RunRow['cursor']> {
  const [row] = await deps.store.rows<{ cursor: RunRow['cursor']; sweep_cursor: RunRow['cursor'] }>(
    sql`select cursor, sweep_cursor from stream where id = ${stream.id}`,
  );
  if (run.mode === 'incremental') return row?.cursor ?? null;
  return run.cursor ?? (run.mode === 'sweep' ? (row?.sweep_cursor ?? null) : null);
}

async function commit(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  set: MappingSet,
  known: Known,
  progress: Progress,
  prepared: Prepared,
  afterCommit: Step['afterCommit'],
  whenSent: () => void,
): Promise<void> {
  const started = deps.clock.now().getTime();
  const page = prepared.refresh(known);
  const outcome = await commitPage(deps.load, {
    stream,
    set,
    page,
    fence: { runId: run.id, epoch: run.lease_epoch, seq: progress.seq },
    mayExist: known.mayExist,
    otherScopes: known.hasOtherScopes(page.window.scope),
    moveCheckpoint: run.mode === 'incremental',
    durable: afterCommit !== undefined || run.trigger === 'webhook',
    whenSent,
  });
  progress.seq += 1;
  known.learn(outcome);
  await afterCommit?.();
  await report(deps, run, stream, outcome, (deps.clock.now().getTime() - started) / 1000);
  await tellNotes(deps, run, page.context);
  if (page.complete && page.window.kind === 'snapshot')
    await closeWindow(deps, run, stream, known, progress, {
      ...page.window,
      observedAt: page.observedAt,
      expected: page.expected,
    });
  progress.isCancelled = outcome.cancelRequested;
}

/** What a source came upon and left alone (a file that is older than what was read) is told in the run's log. */
async function tellNotes(deps: RunDeps, run: RunRow, { notes }: JsonObject): Promise<void> {
  if (!Array.isArray(notes)) return;
  for (const note of notes) {
    if (note === null || typeof note !== 'object' || Array.isArray(note)) continue;
    const { file = null, reason = null, by = null, of = null } = note;
    const other = by ?? of;
    const message = `${file} is not loaded: ${reason}${other === null ? '' : ` (${other})`}`;
    await logRun(deps.store, run, deps.clock.now(), 'info', message, note);
  }
}

async function report(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  outcome: PageOutcome,
  seconds: number,
): Promise<void> {
  const { counts, deadLetters, tainted } = outcome;
  const { created, updated, unchanged, skipped, deadLettered } = counts;
  deps.onProgress(run, stream, {
    kind: 'page',
    read: counts.read,
    deadLettered,
    seconds,
    counts: { created, updated, unchanged, skipped, dead_lettered: deadLettered },
  });
  if (tainted)
    await logRun(
      deps.store,
      run,
      deps.clock.now(),
      'warn',
      `part of the source could not be read: ${tainted}; nothing is deleted by absence`,
    );
  const [first] = deadLetters;
  if (first) {
    const why = first.problems.map((problem) => `${problem.field}: ${problem.message}`).join('; ');
    await logRun(
      deps.store,
      run,
      deps.clock.now(),
      'warn',
      `${deadLetters.length} records became dead letters; the first: line ${first.position}, ${why}`,
    );
  }
}

async function closeWindow(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  known: Known | null,
  progress: Progress,
  window: Parameters<typeof deleteAbsent>[3],
): Promise<void> {
  const absence = await deleteAbsent(
    deps.load,
    stream,
    { runId: run.id, epoch: run.lease_epoch, seq: progress.seq },
    window,
    deps.brake,
  );
  progress.seq += 1;
  known?.forget(absence.gone);
  if (absence.state === 'deleted')
    await logRun(
      deps.store,
      run,
      deps.clock.now(),
      'info',
      `${absence.records} of ${absence.of} records of ${window.scope} are gone from the source and were deleted`,
    );
  if (absence.state === 'held') {
    const id = publicId('run', run.id);
    await logRun(
      deps.store,
      run,
      deps.clock.now(),
      'warn',
      `${absence.records} of ${absence.of} records of ${window.scope} are gone from the source; the deletes wait: tributary runs approve ${id}`,
    );
  }
}

async function finish(deps: RunDeps, run: RunRow, stream: RunStream): Promise<SliceResult> {
  const { read, outcomes } = await balanceOf(deps.store, run.id);
  const [row] = await deps.store.rows<{ tainted: string | null; held: boolean; cursor: RunRow['cursor'] }>(
    sql`select tainted, held, cursor from run where id = ${run.id}`,
  );
  // What a full read did not show, a later one must still look for behind the old cursor; a sweep comes round again.
  const isThrough = read === outcomes && row?.tainted === null;
  if (row?.cursor && (run.mode === 'sweep' || (run.mode === 'full' && isThrough)))
    await deps.store.rows(sql`
      update stream set ${sql.raw(run.mode === 'full' ? 'cursor' : 'sweep_cursor')} = ${JSON.stringify(row.cursor)}::jsonb
      where id = ${stream.id} and exists (select 1 from run where id = ${run.id} and lease_epoch = ${run.lease_epoch} and state = 'running')`);
  if (read !== outcomes)
    return end(
      deps,
      run,
      stream,
      'incomplete',
      errorOf(new TributaryError('ERR_RUN_UNBALANCED', `${read} records were read and ${outcomes} accounted for.`)),
    );
  if (row?.held) return end(deps, run, stream, 'held');
  if (row?.tainted)
    return end(
      deps,
      run,
      stream,
      'incomplete',
      errorOf(new TributaryError('ERR_EXTRACT_PARSE', `Part of the source could not be read: ${row.tainted}.`)),
    );
  return end(deps, run, stream, 'succeeded', null);
}

async function end(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  state: 'succeeded' | 'incomplete' | 'held' | 'failed' | 'cancelled',
  error?: RunError | null,
): Promise<SliceResult> {
  await moveRun(deps.store, run.id, state, deps.clock.now(), {
    epoch: run.lease_epoch,
    ...(error === undefined ? {} : { error }),
  });
  if (error)
    await logRun(
      deps.store,
      run,
      deps.clock.now(),
      state === 'failed' ? 'error' : 'warn',
      `${error.message} ${error.remedy}`,
      { code: error.code },
    );
  await logRun(deps.store, run, deps.clock.now(), 'info', `run ${state}`);
  deps.onProgress(run, stream, { kind: 'end', state });
  return null;
}

export const errorOf = ({ code, message, remedy, evidence }: TributaryError): RunError => ({
  code,
  message,
  remedy,
  evidence,
});

/** A passing failure is tried again; a lasting one ends the run. What was committed stays. */
async function onFailure(
  deps: RunDeps,
  run: RunRow,
  stream: RunStream,
  thrown: unknown,
  signal: AbortSignal,
): Promise<SliceResult> {
  if (signal.aborted) {
    await pauseRun(deps.store, run, null).catch(() => undefined);
    return null;
  }
  const error = asTributaryError(thrown);
  if (error.code === 'ERR_RUN_FENCED' || (thrown instanceof Error && thrown.name === 'AbortError')) return null;
  deps.log.warn(
    { err: thrown, run: publicId('run', run.id), connection: stream.connection, stream: stream.name, code: error.code },
    error.message,
  );
  const [row] = await deps.store.rows<{ attempts: number }>(sql`select attempts from run where id = ${run.id}`);
  const attempts = (row?.attempts ?? 0) + 1;
  if (error.retry === 'terminal' || attempts >= DEFAULT_RETRY.maxAttempts)
    return end(deps, run, stream, 'failed', errorOf(error));
  const waitMs = Math.max(
    delayFor(DEFAULT_RETRY, attempts),
    (error.notBefore?.getTime() ?? 0) - deps.clock.now().getTime(),
  );
  await retryRun(deps.store, run, errorOf(error), new Date(deps.clock.now().getTime() + waitMs));
  await logRun(
    deps.store,
    run,
    deps.clock.now(),
    'warn',
    `${error.message} Tried again in ${Math.round(waitMs / 1000)} s.`,
    { code: error.code },
  );
  return { againInMs: waitMs };
}
