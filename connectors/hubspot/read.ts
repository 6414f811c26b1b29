/** Reads a stream of objects: its changes and what was deleted, all of it, or again for what its times do not show. */
import { type Cursor, type Page, type ReadRequest, unsupported, type Window, z } from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { readCampaigns } from './campaigns.ts';
import { changesPage } from './changes.ts';
import { findId } from './ids.ts';
import { objectOf, textOf } from './json.ts';
import { archivedPage, listPage } from './list.ts';
import { isObjectStream, type ObjectStream } from './objects.ts';
import { mergedInto } from './records.ts';
import { LAG_MS, OVERLAP_MS } from './streams.ts';
import { readSubmissions } from './submissions.ts';

/** A pass that is under way: enough to go on with in another process after weeks. Times in epoch milliseconds. */
const running = z.discriminatedUnion('phase', [
  z.object({ phase: z.literal('all'), began: z.number(), after: z.string().nullable() }),
  z.object({
    phase: z.literal('changed'),
    ...{ from: z.number(), until: z.number(), at: z.number(), past: z.string().nullable() },
  }),
  z.object({ phase: z.literal('archived'), from: z.number(), until: z.number(), after: z.string().nullable() }),
]);
type Running = z.infer<typeof running>;
type All = Extract<Running, { phase: 'all' }>;
type Changed = Extract<Running, { phase: 'changed' }>;
type Gone = Extract<Running, { phase: 'archived' }>;

/** Between passes: changes are read on from there. */
const settled = z.object({ since: z.number() });
const swept = z.object({ after: z.string().nullable() });

/** Pages of a sweep at a time; the next sweep goes on behind them. */
const PAGES_PER_SWEEP = 10;

/** @throws TributaryError `ERR_CONNECTOR_UNSUPPORTED` when there is no such stream, else as the calls */
export async function* read(account: Account, request: ReadRequest): AsyncGenerator<Page> {
  const { stream, mode } = request;
  if (stream === 'campaigns') yield* readCampaigns(account, request);
  else if (stream === 'form_submissions') yield* readSubmissions(account, request);
  else if (!isObjectStream(stream)) throw unsupported('hubspot', `read the stream ${stream}`);
  else if (mode === 'sweep') yield* sweep(account, stream, request);
  else yield* pass(account, stream, request);
}

async function* pass(account: Account, stream: ObjectStream, request: ReadRequest): AsyncGenerator<Page> {
  const { clock } = account.context;
  let at: Running | null = running.safeParse(request.cursor).data ?? null;
  // A pass that somebody else began ends where it was meant to; what changed since is a pass of its own.
  let isBehind = at !== null && request.mode === 'incremental';
  at ??= begun(request, clock.now().getTime());
  while (at !== null) {
    const page: Page = await pageAt(account, stream, request, at);
    yield page;
    at = running.safeParse(page.next).data ?? null;
    if (at === null && isBehind) {
      isBehind = false;
      at = begun({ ...request, cursor: page.next }, clock.now().getTime());
    }
  }
}

/** The first changes ever are all there is: by list, which knows no limit of results and does not trail. */
function begun({ mode, cursor }: ReadRequest, now: number): Running {
  const since = mode === 'incremental' ? settled.safeParse(cursor).data?.since : undefined;
  if (since === undefined) return { phase: 'all', began: now, after: null };
  const from = since - OVERLAP_MS;
  return { phase: 'changed', from, until: now - LAG_MS, at: from, past: null };
}

const pageAt = (account: Account, stream: ObjectStream, request: ReadRequest, at: Running): Promise<Page> => {
  if (at.phase === 'all') return allPage(account, stream, request, at);
  return at.phase === 'changed' ? changedPage(account, stream, request, at) : gonePage(account, stream, request, at);
};

async function allPage(account: Account, stream: ObjectStream, request: ReadRequest, at: All): Promise<Page> {
  const { after, observedAt, ...parts } = await listPage(account, { ...request, stream, after: at.after });
  const isFull = request.mode === 'full';
  const window: Window = {
    id: `${isFull ? 'full' : 'first'} ${new Date(at.began).toISOString()}`,
    ...{ kind: isFull ? 'snapshot' : 'delta', scope: stream },
  };
  // A list without a next page is the end of it; in order of ids nothing moves while it is read.
  const isEnd = after === null;
  // A pass before this one may have ended halfway, or have been forgotten: what it read may be gone by now.
  const behind: Cursor = isFull ? { since: at.began } : { phase: 'archived', from: 0, until: at.began, after: null };
  return {
    ...parts,
    ...{ window, observedAt, ...PLAIN },
    next: isEnd ? behind : { ...at, after },
    complete: isFull && isEnd,
  };
}

async function changedPage(account: Account, stream: ObjectStream, request: ReadRequest, at: Changed): Promise<Page> {
  const { from, until } = at;
  const place = { at: at.at, past: at.past };
  const { next, observedAt, ...parts } = await changesPage(account, { ...request, stream, place, until });
  const isOver = next === null || next.at > until;
  return {
    ...parts,
    ...{ window: changesOf(stream, until), observedAt, ...PLAIN, complete: false },
    next: isOver ? { phase: 'archived', from, until, after: null } : { phase: 'changed', from, until, ...next },
  };
}

/** Search never shows what was deleted; the recycle bin does, all of it, in order of ids. */
async function gonePage(account: Account, stream: ObjectStream, request: ReadRequest, at: Gone): Promise<Page> {
  const { objects, after, observedAt } = await archivedPage(account, { ...request, stream, after: at.after });
  const tombstones = objects.flatMap((object) => {
    const id = findId(object);
    const archivedAt = Date.parse(textOf(objectOf(object).archivedAt) ?? '');
    // One that does not say when counts as new.
    // What the bin says, it says now; the time of the object's last change orders nothing, for a delete does not move it.
    if (id === null || archivedAt < at.from) return [];
    // A winner of a merge that was deleted before it was read: nothing else names the losers any more.
    return [{ id, version: null }, ...mergedInto(objectOf(object), id)];
  });
  const next: Cursor = after === null ? { since: at.until } : { ...at, after };
  return {
    ...{ records: [], tombstones, problems: [], next, observedAt },
    ...{ window: changesOf(stream, at.until), ...PLAIN, complete: false },
  };
}

async function* sweep(account: Account, stream: ObjectStream, request: ReadRequest): AsyncGenerator<Page> {
  let after = swept.safeParse(request.cursor).data?.after ?? null;
  for (let no = 1; no <= PAGES_PER_SWEEP; no += 1) {
    const { after: next, observedAt, ...parts } = await listPage(account, { ...request, stream, after });
    const window: Window = { id: `sweep ${observedAt.toISOString()}`, kind: 'delta', scope: stream };
    yield { ...parts, next: { after: next }, window, observedAt, ...PLAIN, complete: false };
    if (next === null) return;
    after = next;
  }
}

const PLAIN = { expected: null, notBefore: null, context: {} } as const;

const changesOf = (stream: string, until: number): Window => ({
  id: `changes ${new Date(until).toISOString()}`,
  ...{ kind: 'delta', scope: stream },
});
