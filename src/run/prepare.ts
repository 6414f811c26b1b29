/** A page from the source, sorted into records known to be unchanged and candidates with what the mappings say of them. */
import { type ExtractedPage, hashAt } from '../extract/pages.ts';
import type { Candidate, MappingSet, PreparedPage, Recognised } from '../load/types.ts';
import type { Known } from './known.ts';

/** A prepared page that can be made current again when the page before it changed what is known. */
export type Prepared = { readonly page: PreparedPage; refresh(known: Known): PreparedPage };

export function preparePage(
  extracted: ExtractedPage,
  set: MappingSet,
  known: Known,
  identify: ((candidateId: string) => string) | null = null,
): Prepared {
  const candidates: Candidate[] = [];
  const recognised: (Recognised & { readonly at: number })[] = [];
  const candidateAt = (at: number): Candidate => toCandidate(extracted, at, set, identify);
  for (let at = 0; at < extracted.records.length; at += 1) {
    const found = known.recognise(hashAt(extracted, at));
    if (found) recognised.push({ ...found, position: extracted.records[at]?.position ?? 0, at });
    else candidates.push(candidateAt(at));
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
  });
  return {
    page: page(candidates, recognised),
    refresh(now) {
      const lost = recognised.filter((one) => now.recognise(hashAt(extracted, one.at))?.no !== one.no);
      if (lost.length === 0) return page(candidates, recognised);
      const again = [...candidates, ...lost.map((one) => candidateAt(one.at))].sort((a, b) => a.position - b.position);
      return page(
        again,
        recognised.filter((one) => !lost.includes(one)),
      );
    },
  };
}

function toCandidate(
  extracted: ExtractedPage,
  at: number,
  set: MappingSet,
  identify: ((id: string) => string) | null,
): Candidate {
  const record = extracted.records[at];
  if (!record) throw new RangeError(`page has no record ${at}`);
  const hash = hashAt(extracted, at);
  try {
    const { id, version, outcome } = set.map(record.parts, extracted.context, record.position);
    const named = record.id ?? (id === null || id === '' ? null : identify ? identify(id) : id);
    return {
      id: named,
      hash,
      parts: record.parts,
      version: version ?? record.version,
      position: record.position,
      outcome,
    };
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    const problems = [
      { field: 'record', pointer: '', code: 'ERR_EXTRACT_PARSE', message: `the record cannot be decoded: ${message}` },
    ];
    return {
      id: record.id,
      hash,
      parts: record.parts,
      version: record.version,
      position: record.position,
      outcome: { kind: 'rejected', problems },
    };
  }
}
