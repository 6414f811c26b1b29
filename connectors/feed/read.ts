/** Pages of a stream of files: which file is next, what it is to us, its records, and where to go on. */
import type { ConnectionContext, JsonObject, Page, ReadRequest, SourceProblem } from '../../src/connector/index.ts';
import { archiveDone, archiveFile } from './archive.ts';
import type { StreamSettings } from './config.ts';
import {
  type FeedState,
  type FileMark,
  isDone,
  parseCursor,
  type Reading,
  rememberFile,
  rememberScope,
  writeCursor,
} from './cursor.ts';
import {
  compareWithDone,
  type Delivery,
  type DeliveryRules,
  findDeliveries,
  findSettled,
  isSame,
  markerOf,
} from './delivery.ts';
import type { FileStat, Folder } from './folder.ts';
import { type Batch, FILE_START, type Input } from './formats/format.ts';
import { formatOf } from './formats/index.ts';
import { readMarkerCount } from './marker.ts';
import { type Prepared, prepare, resumeInput } from './prepare.ts';

export type FeedStream = {
  readonly folder: Folder;
  readonly rules: DeliveryRules;
  readonly context: ConnectionContext;
};

/** How soon a file that is still being written is looked at again; later, the longer nobody has written it. */
const LOOK_AGAIN_MS = 1000;
const LATEST_LOOK_MS = 60_000;

/** Why a scope waits, and when its file last changed. */
type Waiting = { readonly reason: string; readonly changedMs: number };

type Pass = FeedStream & {
  readonly state: FeedState;
  readonly pageSize: number;
  readonly listed: ReadonlyMap<string, FileStat>;
  /** When the oldest delivery that is still to be read was modified. */
  readonly oldestLeft: () => number;
};

export async function* readFeed(feed: FeedStream, request: ReadRequest): AsyncGenerator<Page> {
  const { folder, rules, context } = feed;
  const state = parseCursor(request.cursor);
  if (request.cursor === null && request.mode !== 'incremental') state.isFull = true;
  const files = await folder.list();
  const deliveries = findDeliveries(files, rules);
  const pass: Pass = {
    ...feed,
    state,
    pageSize: request.pageSize,
    listed: new Map(files.map((file) => [file.name, file])),
    oldestLeft: leftIn(state, deliveries),
  };
  await archiveDone(pass);
  yield* resume(pass);
  const due = deliveries.filter((file) => !isDone(state, file));
  const settled = await findSettled(folder, due, rules, context.clock, context.signal);
  if (state.isFull)
    skipReplaced(
      pass,
      due.filter((file) => settled.has(file.name)),
    );
  // A file that is not there in full yet holds back the younger ones of its scope, no others.
  const waiting = new Map<string, Waiting>();
  for (const file of due) {
    context.signal.throwIfAborted();
    if (isDone(state, file) || waiting.has(file.scope)) continue;
    if (settled.has(file.name)) {
      const reason = yield* deliver(pass, file);
      if (reason !== null) waiting.set(file.scope, { reason, changedMs: context.clock.now().getTime() });
    } else waiting.set(file.scope, { reason: `${file.name} is not there in full yet`, changedMs: file.modifiedMs });
  }
  if (waiting.size > 0) yield waitPage(pass, waiting);
  else if (state.isFull) yield endOfFull(pass);
}

function leftIn(state: FeedState, deliveries: readonly Delivery[]): () => number {
  const byAge = [...deliveries].sort((one, two) => one.modifiedMs - two.modifiedMs);
  let at = 0;
  // What is done stays so for this pass.
  return () => {
    for (let file = byAge[at]; file && isDone(state, file); file = byAge[at]) at += 1;
    return byAge[at]?.modifiedMs ?? Number.POSITIVE_INFINITY;
  };
}

/** Goes on in the file the last page came from, if it is still the same. */
async function* resume(pass: Pass): AsyncGenerator<Page> {
  const { folder, state, context } = pass;
  const { reading } = state;
  if (reading === null) return;
  const now = await folder.stat(reading.file);
  if (now !== null && isSame({ name: reading.file, size: reading.size, modifiedMs: reading.modifiedMs }, now)) {
    yield* readFile(pass, reading, await resumeInput(folder, reading, context));
    return;
  }
  breakOff(pass, reading);
  const message = `${reading.file} ${now === null ? 'was removed' : 'was replaced'} while it was being read, behind line ${reading.place.line}`;
  context.log.warn({ file: reading.file }, message);
  yield { ...emptyPage(pass, reading), problems: [{ message, position: reading.place.line, raw: null }] };
}

/** One delivery from its first byte; returns why it has to wait, or `null`. */
async function* deliver(pass: Pass, file: Delivery): AsyncGenerator<Page, string | null> {
  const { state, rules, folder, context } = pass;
  const scope = state.scopes.get(file.scope);
  if (Number.isNaN(file.namedAsOfMs)) {
    yield problemPage(pass, file, `the date in the name ${file.name} is not one of the format ${rules.settings.asOf}`);
    return null;
  }
  if (scope?.snapshot && compareWithDone(file, scope.snapshot, rules) < 0) {
    yield notePage(pass, file, '', { reason: 'superseded', by: scope.snapshot.file });
    return null;
  }
  const prepared = await prepare(folder, file, context);
  if (typeof prepared === 'string') {
    context.log.info({ file: file.name }, `not read now: ${prepared}`);
    return prepared === 'it is gone' ? null : `${file.name}: ${prepared}`;
  }
  const repeated = findRepeat(pass, file, prepared.hash);
  if (repeated !== null) {
    await prepared.input.release?.();
    yield notePage(pass, file, prepared.hash, repeated);
    return null;
  }
  return yield* readFile(pass, startReading(pass, file, prepared), prepared.input);
}

function startReading(pass: Pass, file: Delivery, prepared: Prepared): Reading {
  const { name, size, modifiedMs, scope, kind } = file;
  return {
    file: name,
    size,
    modifiedMs,
    asOfMs: asOfOf(pass, file),
    hash: prepared.hash,
    scope,
    kind,
    place: { ...FILE_START, context: null },
  };
}

/** The same content again: nothing to do. Content that something newer has replaced since is no repetition but a way back. */
function findRepeat(pass: Pass, file: Delivery, hash: string): JsonObject | null {
  const { state, rules } = pass;
  const newest = state.scopes.get(file.scope)?.newest;
  const asOfMs = asOfOf(pass, file);
  const isBehind = newest !== undefined && newest.file !== file.name && asOfMs > newest.asOfMs;
  if (state.files.get(file.name)?.hash === hash && !isBehind) return { reason: 'same content' };
  if (newest?.hash === hash) return { reason: 'duplicate', of: newest.file };
  // Equal files of two scopes (two locations with the same stock) say two different things.
  const isOfScope = ({ file: name, ...known }: FileMark) =>
    findDeliveries([{ name, ...known }], rules)[0]?.scope === file.scope;
  const twin = [...state.files.values()].find(
    (known) => known.hash === hash && known.asOfMs >= asOfMs && isOfScope(known),
  );
  return twin === undefined ? null : { reason: 'duplicate', of: twin.file };
}

/** As-of by name or modification time, never ahead of the clock, and in step with the order of deliveries. */
function asOfOf(pass: Pass, file: Delivery): number {
  const { state, context, rules } = pass;
  const named = Number.isNaN(file.namedAsOfMs) ? null : file.namedAsOfMs;
  const own = Math.min(named ?? file.modifiedMs, context.clock.now().getTime());
  const newest = state.scopes.get(file.scope)?.newest;
  if (newest === undefined || newest.asOfMs === 0) return own;
  return compareWithDone(file, newest, rules) < 0 ? Math.min(own, newest.asOfMs - 1) : Math.max(own, newest.asOfMs + 1);
}

async function* readFile(pass: Pass, start: Reading, input: Input): AsyncGenerator<Page, string | null> {
  const { state, rules, context, folder } = pass;
  const found = findDeliveries([{ name: start.file, size: start.size, modifiedMs: start.modifiedMs }], rules)[0];
  const about: JsonObject = { ...found?.values, file: start.file, asOf: new Date(start.asOfMs).toISOString() };
  const marker = rules.marker?.count === true ? markerOf(start.file, rules) : null;
  const promised = marker === null ? null : await readMarkerCount(folder, marker, context.signal);
  const { settings } = rules;
  const pattern = comparedPattern(settings, found);
  const batches = formatOf(settings.format).read({
    ...{ input, settings, about, from: start.place, pageSize: pass.pageSize, signal: context.signal },
    columnsBefore: state.columns.get(pattern) ?? [],
  });
  for await (const batch of batches) {
    const header = batch.place.context?.['header'];
    if (pattern !== '' && Array.isArray(header)) state.columns.set(pattern, header.map(String));
    const reading = { ...start, place: batch.place };
    const problems: SourceProblem[] = [...batch.problems];
    const isChanged =
      batch.end &&
      !isSame({ name: start.file, size: start.size, modifiedMs: start.modifiedMs }, await folder.stat(start.file));
    if (batch.end)
      for (const message of endFaults(start.file, { isChanged, marker, promised, rows: batch.place.rows }))
        problems.push({ message, position: null, raw: null });
    state.reading = batch.end ? null : reading;
    if (batch.end) await input.release?.();
    if (isChanged) breakOff(pass, reading);
    else if (batch.end) finish(pass, reading, problems.length > 0 || batch.place.problems > 0);
    yield pageOf(pass, {
      reading,
      batch: { ...batch, problems, expected: batch.expected ?? promised },
      isChanged,
      about,
    });
    if (isChanged) return `${start.file} was changed while it was read`;
  }
  return null;
}

/** The pattern whose files have their columns compared. A patch may name any, and names that are given are the operator's own. */
function comparedPattern(settings: StreamSettings, file: Delivery | undefined): string {
  return settings.mode === 'complete' && settings.header === true ? (file?.pattern ?? '') : '';
}

type End = { readonly isChanged: boolean; readonly marker: string | null; promised: number | null; rows: number };

/** What is wrong with a file that was read to its end. */
function endFaults(file: string, { isChanged, marker, promised, rows }: End): string[] {
  const found: string[] = [];
  if (isChanged) found.push(`${file} was changed or removed while it was read`);
  if (marker !== null && promised === null)
    found.push(`the marker ${marker}, which says how many rows ${file} has, is gone; it may be cut`);
  if (promised !== null && promised !== rows)
    found.push(`${file} has ${rows} rows where its marker says ${promised}; it was probably cut`);
  return found;
}

type Read = {
  readonly reading: Reading;
  readonly batch: Batch;
  readonly isChanged: boolean;
  readonly about: JsonObject;
};

function pageOf(pass: Pass, { reading, batch, isChanged, about }: Read): Page {
  const { rules } = pass;
  const isProven = batch.end && !isChanged && batch.problems.length === 0 && batch.place.problems === 0;
  const page: Page = {
    ...{ records: batch.records, tombstones: [], problems: batch.problems, next: writeCursor(pass.state) },
    window: { id: `${reading.file}#${reading.hash}`, kind: reading.kind, scope: reading.scope },
    ...{ complete: isProven, observedAt: new Date(reading.asOfMs), expected: batch.expected, notBefore: null },
    context: batch.place.context ?? { format: rules.settings.format, ...about },
  };
  const isUnread = !isProven && batch.place.rows === 0;
  if (!batch.end || isChanged || isUnread || rules.settings.archive === undefined) return page;
  return { ...page, afterCommit: () => archiveFile(pass, reading) };
}

function finish(pass: Pass, reading: Reading, isTainted: boolean): void {
  const { state, rules } = pass;
  const { file, size, modifiedMs, asOfMs, scope, kind } = reading;
  // Nothing of it could be read: it stands for nothing, and its content is none that was dealt with.
  const isUnread = isTainted && reading.place.rows === 0;
  const done: FileMark = { file, size, modifiedMs, asOfMs, hash: isUnread ? '' : reading.hash };
  rememberFile(state, done, (name) => pass.listed.has(name), pass.oldestLeft);
  if (isUnread) return;
  const delivery = findDeliveries([{ name: file, size, modifiedMs }], rules)[0];
  stand(pass, done, { scope, kind, delivery });
}

/** Part of the file is loaded and stands for something new: going back to what was there before is no repetition. */
function breakOff(pass: Pass, { file, size, modifiedMs, asOfMs, scope }: Reading): void {
  const { state, rules } = pass;
  state.reading = null;
  const before = state.files.get(file);
  if (before !== undefined) state.files.set(file, { ...before, hash: '' });
  const [delivery] = findDeliveries([{ name: file, size, modifiedMs }], rules);
  stand(pass, { file, size, modifiedMs, asOfMs, hash: '' }, { scope, kind: 'delta', delivery });
}

type Standing = Pick<Delivery, 'scope' | 'kind'> & { readonly delivery: Delivery | undefined };

/** Notes what is the newest of its scope now. */
function stand({ state, rules }: Pass, done: FileMark, { scope, kind, delivery }: Standing): void {
  const before = state.scopes.get(scope);
  const isNewer = (known: FileMark | null | undefined) =>
    !known || delivery === undefined || compareWithDone(delivery, known, rules) >= 0;
  const newest = isNewer(before?.newest) ? done : (before?.newest ?? done);
  const snapshot = kind === 'snapshot' && isNewer(before?.snapshot) ? done : (before?.snapshot ?? null);
  rememberScope(state, scope, { newest, snapshot });
}

/** Full reads begin with the newest snapshot of each scope: what is older is in it, or gone. */
function skipReplaced(pass: Pass, settled: readonly Delivery[]): void {
  const start = new Map<string, number>();
  for (const [at, file] of settled.entries()) if (file.kind === 'snapshot') start.set(file.scope, at);
  // They count for the times of what comes behind them, as they did when they were read.
  for (const [at, file] of settled.entries())
    if (at < (start.get(file.scope) ?? 0) && !Number.isNaN(file.namedAsOfMs))
      stand(pass, remember(pass, file, ''), { ...file, delivery: file });
}

function remember(pass: Pass, file: Delivery, hash: string): FileMark {
  const { name, size, modifiedMs } = file;
  const done = { file: name, size, modifiedMs, asOfMs: asOfOf(pass, file), hash };
  rememberFile(pass.state, done, (other) => pass.listed.has(other), pass.oldestLeft);
  return done;
}

function notePage(pass: Pass, file: Delivery, hash: string, note: JsonObject): Page {
  remember(pass, file, hash);
  pass.context.log.info({ file: file.name, ...note }, 'a delivery is not loaded');
  const page = emptyPage(pass, { ...file, file: file.name, hash, asOfMs: asOfOf(pass, file) });
  return { ...page, context: { ...page.context, notes: [{ file: file.name, ...note }] } };
}

function problemPage(pass: Pass, file: Delivery, message: string): Page {
  remember(pass, file, '');
  return {
    ...emptyPage(pass, { ...file, file: file.name, hash: '', asOfMs: file.modifiedMs }),
    problems: [{ message, position: null, raw: null }],
  };
}

function waitPage(pass: Pass, waiting: ReadonlyMap<string, Waiting>): Page {
  const [[scope, { reason }] = ['', { reason: '' }]] = waiting;
  const now = pass.context.clock.now();
  const sinceMs = Math.min(...[...waiting.values()].map(({ changedMs }) => now.getTime() - changedMs));
  const laterMs = Math.min(LATEST_LOOK_MS, Math.max(LOOK_AGAIN_MS, sinceMs / 10));
  pass.context.log.info({ waiting: waiting.size }, reason);
  const page = emptyPage(pass, { file: reason, scope, hash: '', asOfMs: now.getTime() });
  return {
    ...page,
    next: null,
    notBefore: new Date(now.getTime() + Math.max(laterMs, pass.rules.settings.settleMs)),
  };
}

function endOfFull(pass: Pass): Page {
  pass.state.isFull = false;
  return emptyPage(pass, {
    file: '',
    scope: pass.rules.scope,
    hash: 'end of full read',
    asOfMs: pass.context.clock.now().getTime(),
  });
}

// A page without records belongs to a window of its own, which deletes nothing.
function emptyPage(pass: Pass, file: Pick<Reading, 'file' | 'scope' | 'hash' | 'asOfMs'>): Page {
  return {
    ...{ records: [], tombstones: [], problems: [], next: writeCursor(pass.state) },
    window: { id: `${file.file}#${file.hash}`, kind: 'delta', scope: file.scope },
    ...{ complete: false, observedAt: new Date(file.asOfMs), expected: null, notBefore: null },
    context: { format: pass.rules.settings.format, file: file.file },
  };
}
