/** A page from the source, sorted into records known to be unchanged and candidates with what the mappings say of them. */
import { setImmediate } from 'node:timers/promises';
import { HASH_BYTES } from '../extract/hash.ts';
import { hashAt } from '../extract/pages.ts';
import type { ExtractedPage } from '../extract/types.ts';
import { credibleVersion, mapRecord } from '../load/map-record.ts';
import { reasonOf } from '../load/sort-out.ts';
import type { Candidate, MappingSet, PreparedPage, Recognised } from '../load/types.ts';
import type { Known } from './known.ts';

/** A prepared page that can be made current again when the page before it changed what is known. */
export type Prepared = {
  readonly page: PreparedPage;
  /** What its records hold in memory. */
  readonly bytes: number;
  refresh(known: Known): PreparedPage;
};

/** Records that are mapped before the page that is being committed gets its turn. */
const AT_A_TIME = 256;

export async function preparePage(extracted: ExtractedPage, set: MappingSet, known: Known): Promise<Prepared> {
  // Before the first look: what is learned while the page is prepared makes it look again.
  const changesSeen = known.changes;
  const candidates: Candidate[] = [];
  const recognised: Recognised[] = [];
  const candidateAt = (at: number): Candidate => toCandidate(extracted, at, set);
  const recognisedAt = (at: number, found: { readonly no: number; readonly filtered: boolean }): Recognised => ({
    ...{ no: found.no, place: at, version: versionOf(extracted, at, set) },
    // What is left out is counted under its reason, which only the mapping knows.
    filtered: found.filtered ? (reasonOf(candidateAt(at).outcome) ?? 'filtered') : null,
  });
  for (let at = 0; at < extracted.records.length; at += 1) {
    const found = known.recognise(extracted.hashes, at * HASH_BYTES);
    if (found) recognised.push(recognisedAt(at, found));
    else {
      candidates.push(candidateAt(at));
      if (candidates.length % AT_A_TIME === 0) await setImmediate();
    }
  }
  const page = (of: readonly Candidate[], same: readonly Recognised[]): PreparedPage => ({
    candidates: of,
    recognised: same,
    tombstones: extracted.tombstones,
    problems: extracted.problems,
    rows: extracted.rows,
    window: extracted.window,
    complete: extracted.complete,
    expected: extracted.expected,
    observedAt: extracted.observedAt,
    context: extracted.context,
    next: extracted.next,
    again: false,
    isStored: false,
  });
  return {
    page: page(candidates, recognised),
    bytes: extracted.records.reduce((sum, { parts }) => parts.reduce((of, part) => of + part.length, sum), 0),
    refresh(now) {
      if (now.changes === changesSeen) return page(candidates, recognised);
      const lost = new Set(
        recognised.filter((one) => now.recognise(extracted.hashes, one.place * HASH_BYTES)?.no !== one.no),
      );
      // The page before it brought the same content: loading it again would only move it.
      const gained = candidates.flatMap((one): Recognised[] => {
        const found = now.recognise(one.hash);
        return found ? [recognisedAt(one.place, found)] : [];
      });
      if (lost.size === 0 && gained.length === 0) return page(candidates, recognised);
      const left = gained.length === 0 ? candidates : candidates.filter((one) => !now.recognise(one.hash));
      const again = [...left, ...[...lost].map((one) => candidateAt(one.place))].sort((a, b) => a.place - b.place);
      return page(again, [...recognised.filter((one) => !lost.has(one)), ...gained]);
    },
  };
}

const mapsVersion = new WeakMap<MappingSet, boolean>();

/** The source's version of a recognised record, where the mapping does not read one from the bytes. */
function versionOf(extracted: ExtractedPage, at: number, set: MappingSet): number | null {
  const record = extracted.records[at];
  if (!record || record.version === null) return null;
  if (!mapsVersion.has(set))
    mapsVersion.set(
      set,
      mapRecord(set, { ...record, version: null, context: extracted.context }, extracted.observedAt).version !== null,
    );
  return mapsVersion.get(set) === true ? null : credibleVersion(record.version, extracted.observedAt);
}

function toCandidate(extracted: ExtractedPage, at: number, set: MappingSet): Candidate {
  const record = extracted.records[at];
  if (!record) throw new RangeError(`page has no record ${at}`);
  const raw = { ...record, context: extracted.context };
  const { id, version, outcome } = mapRecord(set, raw, extracted.observedAt);
  const { parts, position } = record;
  return { id, hash: hashAt(extracted, at), parts, version, position, place: at, outcome };
}
