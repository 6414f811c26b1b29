import { type IdBlocks, sql, type Tx, texts } from '../store/store.ts';
import type { EntityChanges } from './entities.ts';
import type { RecordPlan, Work } from './plan.ts';
import { applyFigures, type Figure, keepWaiting, takeWaiting, type WaitingFigure, withdrawFigures } from './stock.ts';
import type { CommitRequest, LoadStream, MappedRecord } from './types.ts';

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
  const { plans } = work;
  const figures: Figure[] = [];
  const waiting: WaitingFigure[] = [];
  const matched = plans.some((plan) => plan.stock.some((one) => one.variant.kind === 'match'))
    ? await variantsOf(tx, stream, plans)
    : new Map<string, number>();
  const silent: number[] = [];
  for (const plan of plans) {
    for (const one of plan.stock) {
      const asOf = (one.asOf ?? page.observedAt.getTime()) - stream.clockSkewMs;
      const { variant } = one;
      const variantId =
        variant.kind === 'output'
          ? plan.entities.find(
              (entity) => entity.output.mappingId === one.mappingId && entity.output.key === variant.key,
            )?.entityId
          : variant.kind === 'match'
            ? matched.get(`${variant.field}\u0000${variant.value}`)
            : undefined;
      if (variantId !== undefined)
        figures.push({ variantId, location: one.location, quantity: one.quantity, asOf, no: plan.no });
      else if (variant.kind === 'match')
        waiting.push({
          no: plan.no,
          output: `${one.mappingId}/${one.key}`,
          key: variant.field,
          value: variant.value,
          location: one.location,
          quantity: one.quantity,
          asOf,
        });
    }
    const before = previous.get(plan.no);
    if (plan.stock.length === 0 && before?.outcome.kind === 'mapped' && before.outcome.stock.length > 0)
      silent.push(plan.no);
  }
  const isNew = (id: number) => work.entities.created.has(id);
  await withdrawFigures(tx, ids, stream, pageId, silent, page.observedAt.getTime());
  await applyFigures(tx, ids, stream, pageId, figures, isNew);
  await keepWaiting(tx, stream, pageId, waiting);
  await applyWaiting(tx, ids, stream, pageId, targets);
}

/** Figures that waited for variants of this page: applied in the name of the streams that reported them. */
async function applyWaiting(
  tx: Tx,
  ids: IdBlocks,
  stream: LoadStream,
  pageId: number,
  targets: EntityChanges['targets'],
): Promise<void> {
  const variants = targets.filter((one) => one.entity === 'variant' && one.key === 'match:sku');
  const idOf = new Map(variants.map((one) => [one.value, one.id]));
  const taken = await takeWaiting(tx, stream.tenant, 'sku', [...idOf.keys()]);
  for (const row of taken) {
    const variantId = idOf.get(row.value);
    if (variantId === undefined) continue;
    const origin: LoadStream = {
      ...stream,
      id: row.stream_id,
      connectionId: row.connection_id,
      stockAuthority: row.stock_authority,
    };
    await applyFigures(
      tx,
      ids,
      origin,
      pageId,
      [{ variantId, location: row.location, quantity: row.quantity, asOf: row.as_of, no: row.no }],
      () => false,
    );
  }
}

async function variantsOf(tx: Tx, stream: LoadStream, plans: readonly RecordPlan[]): Promise<Map<string, number>> {
  const byField = new Map<string, Set<string>>();
  for (const plan of plans)
    for (const { variant } of plan.stock)
      if (variant.kind === 'match')
        byField.set(variant.field, (byField.get(variant.field) ?? new Set()).add(variant.value));
  const found = new Map<string, number>();
  for (const [field, values] of byField) {
    const key = sql.identifier(`${field}_key`);
    const rows = await tx.rows<{ id: number; key: string }>(
      sql`select id, ${key} as key from variant where tenant = ${stream.tenant} and ${key} = any(${texts([...values])}) and merged_into is null`,
    );
    for (const row of rows) found.set(`${field}\u0000${row.key}`, row.id);
  }
  return found;
}
