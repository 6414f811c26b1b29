/**
 * What change times a record's outputs would have, had all its versions been mapped like this from the start. So that a
 * mapping that is applied to what is stored leaves what loading under it would have left.
 */
import { RECORD_STATE } from '../store/record-state.ts';
import { numbers, sql, type Tx } from '../store/store.ts';
import { changeTime } from './change-time.ts';
import { keptEchoes } from './echoes.ts';
import { entry } from './entry.ts';
import type { ContributionRow, rawPages } from './evaluate.ts';
import { changesOf, type Statement, withEchoes } from './fold.ts';
import { unpackPatches } from './patches.ts';
import { isErased } from './payload.ts';
import type { RecordPlan, Work } from './plan.ts';
import type { LoadStream, MappedRecord, MappingSet, PreparedPage } from './types.ts';

/** How long an output has said what it says. */
export type Life = { readonly since: number; readonly changed: Record<string, number> | null };

/** By record number, then by `lifeKey`. */
export type Lives = ReadonlyMap<number, ReadonlyMap<string, Life>>;

export const lifeKey = (mappingId: number, output: string): string => `${mappingId}/${output}`;

type Version = { no: number; page_id: number; slot: number; version: number | null; state: number; observed: number };
type Living = Life & { readonly values: Statement['values'] };

/** The same for what the patches of a page said one after the other, from what was said before them. */
export function goOn(
  { no, patch }: RecordPlan,
  before: MappedRecord | undefined,
  contributions: readonly ContributionRow[],
): ReadonlyMap<string, Life> {
  const living = new Map<string, Living>();
  if (before?.outcome.kind === 'mapped') {
    for (const { mappingId, key, values } of before.outcome.entities) {
      const known = contributions.find(
        (row) =>
          row.no === no && row.state === 'live' && lifeKey(row.mapping_id, row.output) === lifeKey(mappingId, key),
      );
      if (known) living.set(lifeKey(mappingId, key), { values, since: known.since, changed: known.changed });
    }
  }
  for (const { outcome, when, isLate } of patch?.steps ?? []) live(living, outcome, when, [], { isLate });
  return living;
}

export async function relive(
  tx: Tx,
  pages: ReturnType<typeof rawPages>,
  { stream, set, page }: { readonly stream: LoadStream; readonly set: MappingSet; readonly page: PreparedPage },
  { plans, prior }: Work,
): Promise<Lives> {
  const nos = plans.flatMap((plan) => (plan.existing ? [plan.no] : []));
  const versions = await tx.rows<Version>(sql`
    select h.no, h.page_id, h.slot, h.version, h.state,
      (select (extract(epoch from p.observed_at) * 1000)::bigint from page p where p.id = h.page_id) as observed
    from unnest(${numbers(nos)}) as n(key) join record_history h on h.stream_id = ${stream.id} and h.no = key
    order by h.replaced_by`);
  const raw = await pages(versions.map((one) => one.page_id));
  const echoes = await keptEchoes(tx, stream.id, nos);
  const byRecord = new Map<number, Version[]>();
  for (const one of versions) entry(byRecord, one.no, (): Version[] => []).push(one);
  const lives = new Map<number, ReadonlyMap<string, Life>>();
  for (const plan of plans) {
    const living = new Map<string, Living>();
    const contributions = prior.get(plan.no) ?? [];
    for (const one of byRecord.get(plan.no) ?? []) {
      const held = raw.get(one.page_id);
      const parts = held?.records.at(one.slot);
      if (one.state === RECORD_STATE.deleted || !held || !parts || isErased(parts)) living.clear();
      else {
        const { outcome, version } = set.map(parts, held.context, 0);
        const echo = echoes(plan.no, one.page_id);
        const when = changeTime(version ?? one.version, new Date(one.observed), echo?.notBefore);
        live(living, outcome, when, contributions, { echoes: echo?.fields, isLate: isLate(parts) });
      }
    }
    const { candidate, existing } = plan;
    const echo = echoes(plan.no, existing?.page_id ?? 0);
    const when = changeTime(candidate.version, page.observedAt, echo?.notBefore);
    live(living, candidate.outcome, when, contributions, { echoes: echo?.fields, isLate: isLate(candidate.parts) });
    lives.set(plan.no, living);
  }
  return lives;
}

/** One version more. A rejected one would have been a dead letter, and nothing would have changed. */
function live(
  living: Map<string, Living>,
  outcome: RecordPlan['candidate']['outcome'],
  when: number,
  contributions: readonly ContributionRow[],
  { echoes, isLate }: { readonly echoes?: ReadonlySet<string> | undefined; readonly isLate: boolean },
): void {
  if (outcome.kind === 'rejected') return;
  const said = new Map(living);
  living.clear();
  if (outcome.kind !== 'mapped') return;
  for (const { mappingId, key, values } of outcome.entities) {
    const name = lifeKey(mappingId, key);
    const before = said.get(name);
    const { since, changed } = before
      ? { since: before.since, changed: changesOf(before, values, isLate ? latest(before, when) : () => when) }
      : begin(contributions, name, when);
    living.set(name, { values, since, changed: withEchoes(changed, before?.values, values, echoes) });
  }
}

/** A patch that came late changes nothing earlier than newer ones did. */
const latest =
  (before: Living, when: number) =>
  (field: string): number =>
    before.values[field] === undefined ? when : Math.max(when, before.changed?.[field] ?? before.since);

function isLate(parts: readonly Uint8Array[]): boolean {
  const packed = unpackPatches(parts);
  return packed !== null && packed.said !== packed.patches.length - 1;
}

/** Where the oldest versions are no longer kept, what they left behind counts. */
function begin(contributions: readonly ContributionRow[], name: string, when: number): Life {
  const known = contributions.find((row) => row.state === 'live' && lifeKey(row.mapping_id, row.output) === name);
  if (!known || known.since >= when) return { since: when, changed: null };
  const earlier = Object.entries(known.changed ?? {}).filter(([, at]) => at <= when);
  return { since: known.since, changed: earlier.length === 0 ? null : Object.fromEntries(earlier) };
}
