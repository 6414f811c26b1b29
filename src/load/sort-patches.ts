/**
 * Patch streams: brings what a page says of a record together with what stands of it. The patches of one record are taken
 * one by one in the order of the page; each finds its place by version and observation, wherever it comes in.
 */
import { isStorable } from '../canonical/text.ts';
import type { Json } from '../connector/contract.ts';
import { RECORD_STATE } from '../store/record-state.ts';
import { json, sql, type Tx, texts } from '../store/store.ts';
import { changeTime } from './change-time.ts';
import { entry } from './entry.ts';
import type { rawPages } from './evaluate.ts';
import { type Patch, type Patches, packPatches, readPatches, type Stamp, standing, unpackPatches } from './patches.ts';
import { isStale, type RecordRow } from './plan.ts';
import { countStanding, leaveOut, type Mention, mentionsOf, NO_SLOT, reasonOf, type Sorted } from './sort-out.ts';
import type { Candidate, CommitRequest, Counts, LoadStream, PatchSteps, RecordOutcome } from './types.ts';

type Stored = RecordRow & { readonly confirmed: number | null; readonly run: number };
type Letter = { readonly id: number; readonly external_id: string; readonly page_id: number; readonly slot: number };
/** What the store holds of a record: the last version that loaded, and the one that waits as a dead letter. */
type Held = { readonly existing: Stored | null; readonly letter: Letter | null; readonly base: Patches };
type Read = Patch & { readonly record: Json };

/** @param slots parts of the page's records by slot: patches become versions there */
export async function sortPatches(
  tx: Tx,
  pages: ReturnType<typeof rawPages>,
  request: CommitRequest,
  pageId: number,
  slots: (readonly Uint8Array[])[],
  counts: Counts,
): Promise<Sorted> {
  const { stream, page } = request;
  const [row] = await tx.rows<{ next_no: number }>(sql`select next_no from stream where id = ${stream.id} for update`);
  const { named, keyless } = byRecord(request, counts);
  const held = await readHeld(tx, pages, stream, [...named.keys()]);
  const sorted: Sorted = { apply: [], keyless, confirmed: [], stale: [], nextNo: row?.next_no ?? 1 };
  const confirmed: { no: number; at: number }[] = [];
  for (const [id, mentions] of named) {
    const of = held(id);
    if (page.again && of.existing?.state === RECORD_STATE.deleted)
      for (const mention of mentions) {
        leaveOut(counts, mention, 'stale');
        sorted.stale.push(of.existing.no);
      }
    else if (page.isStored)
      for (const { candidate, slot } of mentions)
        sorted.apply.push(storedAgain(page.again ? { ...of, letter: null } : of, candidate, slot));
    else sortRecord({ request, pageId, slots, counts, sorted, confirmed }, of, mentions);
  }
  await confirm(tx, stream, confirmed);
  return sorted;
}

/** What the page says, by record. A patch that cannot be decoded belongs to none: nothing could be merged with it. */
function byRecord({ page, set }: CommitRequest, counts: Counts) {
  const named = new Map<string, Mention[]>();
  const keyless: Mention[] = [];
  for (const mention of mentionsOf(page)) {
    const { candidate, slot } = mention;
    if (slot === NO_SLOT && !isStorable(candidate.id ?? '')) leaveOut(counts, mention, 'stale');
    else if (candidate.id === null || (slot !== NO_SLOT && !page.isStored && !canDecode(set, candidate, page.context)))
      keyless.push({ slot, candidate: { ...candidate, id: null } });
    else entry(named, candidate.id, (): Mention[] => []).push(mention);
  }
  return { named, keyless };
}

function canDecode(set: CommitRequest['set'], { parts }: Candidate, context: Patch['context']): boolean {
  try {
    set.decode(parts, context);
    return true;
  } catch {
    return false; // Its outcome says why.
  }
}

async function readHeld(
  tx: Tx,
  pages: ReturnType<typeof rawPages>,
  stream: LoadStream,
  ids: readonly string[],
): Promise<(id: string) => Held> {
  const rows = await tx.rows<Stored>(sql`
    select r.no, r.external_id, r.hash, r.page_id, r.slot, r.version, r.mapping_set, r.state, r.scope,
      (select p.run_id from page p where p.id = r.page_id) as run,
      (select (extract(epoch from p.observed_at) * 1000)::bigint from page p where p.id = r.page_id) as observed,
      (extract(epoch from r.confirmed_at) * 1000)::bigint as confirmed
    from unnest(${texts(ids)}) as n(key) join record r on r.stream_id = ${stream.id} and r.external_id = key`);
  const letters = await tx.rows<Letter>(sql`
    select id, external_id, page_id, slot from dead_letter
    where stream_id = ${stream.id} and external_id = any(${texts(ids)}) and state = 'open' and slot is not null`);
  const raw = await pages([...rows, ...letters].map((one) => one.page_id));
  const records = new Map(rows.map((one) => [one.external_id, one]));
  const open = new Map(letters.map((one) => [one.external_id, one]));
  return (id) => {
    const [existing, letter] = [records.get(id) ?? null, open.get(id) ?? null];
    const from = letter ?? (existing?.state === RECORD_STATE.deleted ? null : existing);
    const held = from && raw.get(from.page_id);
    const parts = held && from && held.records.at(from.slot);
    const packed = parts ? (unpackPatches(parts) ?? asOne(parts, held.context, existing)) : NOTHING;
    return { existing, letter, base: since(packed, existing) };
  };
}

const NOTHING: Patches = { patches: [], said: -1, gone: null };

/** A version that was stored whole, before its stream became one of patches. */
function asOne(parts: readonly Uint8Array[], context: Patch['context'], row: Stored | null): Patches {
  const { version = null, observed = 0, page_id: page = 0, slot = 0, run = 0 } = row ?? {};
  const hash = Buffer.from(row?.hash ?? []).toString('hex');
  return {
    ...NOTHING,
    patches: [{ parts, context, hash, version, observed, since: observed, page, slot, run }],
    said: 0,
  };
}

/** What was deleted meanwhile is gone; what was said again meanwhile is newer. */
function since(base: Patches, existing: Stored | null): Patches {
  if (!existing) return base;
  const observed = Math.max(existing.observed, existing.confirmed ?? 0);
  if (existing.state === RECORD_STATE.deleted) return withoutBefore(base, { version: existing.version, observed });
  const patches = base.patches.map((patch, at) =>
    at === base.patches.length - 1 && existing.confirmed !== null
      ? { ...patch, observed: Math.max(patch.observed, existing.confirmed) }
      : patch,
  );
  return { ...base, patches };
}

const withoutBefore = ({ patches, said, gone }: Patches, at: Stamp): Patches => ({
  patches: patches.filter((one) => isNewer(one, at)),
  said,
  gone: gone && isNewer(gone, at) ? gone : at,
});

const isNewer = (one: Stamp, than: Stamp): boolean => isStale(one, than, than.observed);

type Sorting = {
  readonly request: CommitRequest;
  readonly pageId: number;
  readonly slots: (readonly Uint8Array[])[];
  readonly counts: Counts;
  readonly sorted: Sorted;
  readonly confirmed: { no: number; at: number }[];
};

/** A record of the page on its way: its patches as they stand, and what they came to say one after the other. */
type State = {
  patches: readonly Read[];
  gone: Stamp | null;
  readonly steps: PatchSteps['steps'][number][];
  /** Mentions that count: merged, or what stands said again. */
  taken: number;
  last: { mention: Mention; patches: readonly Read[]; said: Read | null } | null;
};

function sortRecord(sorting: Sorting, held: Held, mentions: readonly Mention[]): void {
  const { request, counts, sorted } = sorting;
  const { set, page } = request;
  const read = (patch: Patch): Read => ({ ...patch, record: set.decode(patch.parts, patch.context) });
  const state: State = { ...held.base, patches: held.base.patches.map(read), steps: [], taken: 0, last: null };
  for (const mention of mentions) {
    const stamp = { version: mention.candidate.version, observed: page.observedAt.getTime() };
    const isOld = state.gone !== null && isNewer(state.gone, stamp);
    if (
      !isOld &&
      (mention.slot === NO_SLOT
        ? takeDelete(sorting, state, mention, stamp)
        : takePatch(sorting, state, mention, stamp))
    )
      state.taken += 1;
    else {
      leaveOut(counts, mention, 'stale');
      if (held.existing && mention.slot !== NO_SLOT) sorted.stale.push(held.existing.no);
    }
  }
  const [first] = mentions;
  if (state.taken > 0 && first) settle(sorting, held, state, first);
}

/** What is older than a delete is dropped; what is newer goes on standing. */
function takeDelete(sorting: Sorting, state: State, mention: Mention, stamp: Stamp): boolean {
  const patches = state.patches.filter((one) => isNewer(one, stamp));
  const isLate = patches.length > 0;
  Object.assign(state, { patches, gone: stamp });
  note(sorting, state, mention, null, stamp, isLate);
  return true;
}

/** Puts a patch where it belongs; false when newer ones name all its fields. */
function takePatch(sorting: Sorting, state: State, mention: Mention, stamp: Stamp): boolean {
  const { set, page, fence } = sorting.request;
  const { candidate } = mention;
  const hash = Buffer.from(candidate.hash).toString('hex');
  let at = state.patches.length;
  for (let above = state.patches[at - 1]; above && isNewer(above, stamp); above = state.patches[at - 1]) at -= 1;
  const isLate = at < state.patches.length;
  const below = state.patches[at - 1];
  if (below?.hash === hash && (stamp.version === null || stamp.version === below.version)) {
    const again = { ...below, observed: Math.max(below.observed, stamp.observed) };
    state.patches = state.patches.with(at - 1, again);
    if (isLate && again.observed > below.observed) note(sorting, state, mention, null, stamp, isLate);
    return true;
  }
  const { context } = page;
  const record = set.decode(candidate.parts, context);
  const said: Read = {
    ...stamp,
    parts: candidate.parts,
    context,
    hash,
    since: stamp.observed,
    page: sorting.pageId,
    slot: mention.slot,
    run: fence.runId,
    record,
  };
  const all = [...state.patches.slice(0, at), said, ...state.patches.slice(at)];
  const stands = standing(all.map((one) => one.record));
  if (!stands.has(at)) return false;
  state.patches = all.filter((_, place) => stands.has(place));
  note(sorting, state, mention, said, stamp, isLate);
  return true;
}

/** Maps what the record says now. A record that says itself that it is deleted starts anew. */
function note(
  sorting: Sorting,
  state: State,
  mention: Mention,
  said: Read | null,
  stamp: Stamp,
  isLate: boolean,
): void {
  const { page } = sorting.request;
  const outcome = outcomeOf(sorting, state.patches, said);
  state.steps.push({ outcome, when: changeTime(stamp.version, page.observedAt), isLate });
  state.last = { mention, patches: state.patches, said };
  const top = state.patches.at(-1);
  if (outcome.kind === 'deleted' && top)
    Object.assign(state, { patches: [], gone: { version: top.version, observed: top.observed } });
}

function outcomeOf({ request: { set } }: Sorting, patches: readonly Read[], said: Read | null): RecordOutcome {
  if (patches.length === 0) return { kind: 'deleted' };
  const of = { patches, said: said ? patches.indexOf(said) : -1, gone: null };
  return set.mapReading(
    readPatches(
      of,
      patches.map((one) => one.record),
    ),
    0,
  ).outcome;
}

/** What became of the record: it stands as it was, or it is to be loaded. */
function settle(sorting: Sorting, held: Held, state: State, first: Mention): void {
  const { request, counts, sorted, slots, confirmed } = sorting;
  const { existing, letter } = held;
  const observed = request.page.observedAt.getTime();
  const stands =
    existing !== null && !letter && existing.mapping_set === request.set.id && existing.state !== RECORD_STATE.deleted;
  if (existing && stands && (state.steps.length === 0 || isSame(held.base, state))) {
    for (let left = state.taken; left > 0; left -= 1)
      countStanding(counts, reasonOf(outcomeOf(sorting, state.patches, null)));
    sorted.confirmed.push({ candidate: { ...first.candidate, version: null }, existing });
    confirmed.push({ no: existing.no, at: observed });
    return;
  }
  // What failed, or was mapped by other files, is tried again although it says nothing new.
  if (!state.last) note(sorting, state, first, null, { version: first.candidate.version, observed }, true);
  const { mention, patches, said } = state.last ?? { mention: first, patches: state.patches, said: null };
  const steps = { steps: state.steps, more: state.taken - 1, letter: letter?.id ?? null, observed };
  const top = patches.at(-1);
  if (!top) {
    if (existing?.state === RECORD_STATE.deleted) confirmed.push({ no: existing.no, at: observed });
    sorted.apply.push({ ...mention, existing, patch: steps });
    return;
  }
  const version = packPatches({
    patches: patches.map(({ record: _record, ...patch }) => patch),
    said: said ? patches.indexOf(said) : -1,
    gone: state.gone,
  });
  const slot = mention.slot === NO_SLOT ? slots.length : mention.slot;
  slots[slot] = version;
  const outcome = state.steps.at(-1)?.outcome ?? mention.candidate.outcome;
  const candidate = {
    ...mention.candidate,
    version: top.version,
    hash: Buffer.from(top.hash, 'hex'),
    parts: version,
    outcome,
  };
  sorted.apply.push({ candidate, slot, existing, patch: { ...steps, observed: top.observed } });
}

const isSame = (base: Patches, { patches, gone }: State): boolean => signature(base) === signature({ patches, gone });
const signature = ({ patches, gone }: Pick<Patches, 'patches' | 'gone'>): string =>
  JSON.stringify([patches.map(({ hash, version, since, observed }) => [hash, version, since, observed]), gone]);

/** A version that was stored is mapped anew: what it is made of stays. */
function storedAgain({ existing, letter }: Held, candidate: Candidate, slot: number): Sorted['apply'][number] {
  const top = unpackPatches(candidate.parts)?.patches.at(-1);
  const of = top ? { ...candidate, hash: Buffer.from(top.hash, 'hex'), version: top.version } : candidate;
  return {
    candidate: of,
    slot,
    existing,
    patch: { steps: [], more: 0, letter: letter?.id ?? null, observed: top?.observed ?? 0 },
  };
}

/** What stands was seen again: what lies between the two is older from then on. */
async function confirm(
  tx: Tx,
  stream: LoadStream,
  seen: readonly { readonly no: number; readonly at: number }[],
): Promise<void> {
  if (seen.length === 0) return;
  await tx.rows(sql`
    update record r set confirmed_at = to_timestamp(n.at / 1000.0)
    from jsonb_to_recordset(${json(seen)}) as n(no bigint, at bigint), page p
    where r.stream_id = ${stream.id} and r.no = n.no and p.id = r.page_id and to_timestamp(n.at / 1000.0) > greatest(p.observed_at, r.confirmed_at)`);
}
