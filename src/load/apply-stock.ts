import { tellStock } from '../store/stock-outbox.ts';
import { type IdBlocks, type Tx, takeIds } from '../store/store.ts';
import type { EntityChanges } from './entities.ts';
import { entry } from './entry.ts';
import { same } from './fold.ts';
import type { RecordPlan, Work } from './plan.ts';
import { findTargets, type KeyReference, keyName, keyValue, soleTargets } from './references.ts';
import {
  applyFigures,
  type Figure,
  figuresWait,
  handOver,
  keepWaiting,
  type TakenFigure,
  takeWaiting,
  type WaitingFigure,
  withdrawFigures,
} from './stock.ts';
import type { CommitRequest, LoadStream, MappedRecord } from './types.ts';

const DAY_MS = 86_400_000;

/** A page's figures: applied where the variant is known, kept waiting where it is not. */
export async function applyStock(
  tx: Tx,
  ids: IdBlocks,
  request: CommitRequest,
  pageId: number,
  work: Work,
  targets: EntityChanges['targets'],
  previous: ReadonlyMap<number, MappedRecord>,
): Promise<void> {
  const { stream, page } = request;
  const observed = page.observedAt.getTime();
  const repetition = page.again ? 'mapped anew' : 'said again';
  const known = await variantsOf(tx, stream, work.plans);
  const figures: Figure[] = [];
  const waiting: WaitingFigure[] = [];
  for (const plan of work.plans) {
    for (const one of plan.stock) {
      const { variant, mappingId, key, location, quantity } = one;
      // A count more than a day ahead of its observation is a slip, and would shut out everything that comes later.
      const counted =
        one.asOf !== null && one.asOf <= (plan.patch?.observed ?? observed) + DAY_MS ? one.asOf : observed;
      const asOf = counted - stream.clockSkewMs;
      const figure = { no: plan.no, location, quantity, asOf };
      const variantId =
        variant.kind === 'output' ? entityOf(plan, mappingId, variant.key) : known.get(nameOf(stream, variant));
      if (variantId !== undefined)
        figures.push({ ...figure, variantId, repeats: isSaidBefore(previous.get(plan.no), one) ? repetition : null });
      else if (variant.kind !== 'output')
        waiting.push({
          ...figure,
          output: `${mappingId}/${key}`,
          key: keyName(stream, variant),
          value: keyValue(variant),
        });
    }
  }
  const moved = work.plans.flatMap((plan) => (mayHaveMoved(plan, previous.get(plan.no)) ? [plan.no] : []));
  const withdrawn = await withdrawFigures(tx, stream, pageId, moved, observed, figures);
  const changed = [
    ...withdrawn.map((level) => level.variant_id),
    ...(await applyFigures(tx, ids, stream, pageId, figures, (id) => work.entities.created.has(id))),
  ];
  keepWaiting(tx, stream, pageId, waiting);
  changed.push(...(await applyWaiting(tx, stream, pageId, targets)));
  changed.push(...(await handOver(tx, stream.tenant, pageId, withdrawn)));
  tellStock(tx, stream.tenant, changed, request.page.observedAt);
}

const entityOf = (plan: RecordPlan, mappingId: number, output: string): number | undefined =>
  plan.entities.find((one) => one.output.mappingId === mappingId && one.output.key === output)?.entityId;

const isSaidBefore = (before: MappedRecord | undefined, figure: RecordPlan['stock'][number]): boolean =>
  before?.outcome.kind === 'mapped' && before.outcome.stock.some((one) => same(one, figure));

/** A record that spoke about stock before may speak about other variants and locations now. */
const mayHaveMoved = (plan: RecordPlan, before: MappedRecord | undefined): boolean =>
  before?.outcome.kind === 'mapped' && before.outcome.stock.some((figure) => !speaksStill(plan, figure));

/** Whether a record says a figure of that spot now as well, of a variant of its own. What a key finds may have changed. */
const speaksStill = (plan: RecordPlan, { variant, mappingId, location }: RecordPlan['stock'][number]): boolean =>
  variant.kind === 'output' &&
  plan.stock.some((now) => now.location === location && now.mappingId === mappingId && same(now.variant, variant)) &&
  plan.entities.some(
    ({ output, prior }) => prior?.state === 'live' && output.mappingId === mappingId && output.key === variant.key,
  );

/** Figures that waited for variants of this page: applied in the name of the streams that reported them. */
async function applyWaiting(
  tx: Tx,
  stream: LoadStream,
  pageId: number,
  targets: EntityChanges['targets'],
): Promise<readonly number[]> {
  const variants = targets.filter((one) => one.entity === 'variant');
  if (variants.length === 0 || !(await figuresWait(tx, stream.tenant))) return [];
  const taken = await takeWaiting(tx, stream.tenant, await soleTargets(tx, stream, variants));
  if (taken.length === 0) return [];
  const ids = await takeIds((query) => tx.rows(query), taken.length);
  const byStream = new Map<number, TakenFigure[]>();
  for (const one of taken) entry(byStream, one.stream_id, (): TakenFigure[] => []).push(one);
  const changed: number[] = [];
  for (const [id, mine] of byStream) {
    const [first] = mine;
    if (!first) continue;
    const { connection_id: connectionId, stock_authority: stockAuthority } = first;
    const figures = mine.map((one) => ({ ...one, variantId: one.variant_id, asOf: one.as_of }));
    const of = { ...stream, id, connectionId, stockAuthority };
    changed.push(...(await applyFigures(tx, ids, of, pageId, figures, () => false)));
  }
  return changed;
}

const nameOf = (stream: LoadStream, to: KeyReference): string => `${keyName(stream, to)}\u0000${keyValue(to)}`;

/** Variants that the figures name by a key. */
async function variantsOf(tx: Tx, stream: LoadStream, plans: readonly RecordPlan[]): Promise<Map<string, number>> {
  const named = plans.flatMap((plan) =>
    plan.stock.flatMap(({ variant }) => (variant.kind === 'output' ? [] : [variant])),
  );
  const found = new Map<string, number>();
  if (named.length === 0) return found;
  for (const { to, ids } of await findTargets(tx, stream, named)) {
    const [only] = ids;
    if (only !== undefined && ids.length === 1) found.set(nameOf(stream, to), only);
  }
  return found;
}
