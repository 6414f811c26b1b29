/** Whose word the values of entities are, and since when: asked only where something would be written. */
import type { LoadDeps } from '../load/deps.ts';
import { contributionsOfEntities, contributionsOfRecords, evaluate, rawPages } from '../load/evaluate.ts';
import { candidates, changedAt, type Statement } from '../load/fold.ts';
import { numbers, sql, type Tx } from '../store/store.ts';

/** Which record gave a field (`null`: a person did), and when it was last changed there (epoch milliseconds). */
export type Word = { readonly record: { readonly streamId: number; readonly no: number } | null; readonly at: number };
export type Words = (entityId: number, field: string) => Word | null;

export async function wordsOf(deps: LoadDeps, tx: Tx, ids: readonly number[]): Promise<Words> {
  if (ids.length === 0) return () => null;
  const rows = (await contributionsOfEntities(tx, ids)).filter((row) => row.state === 'live');
  const siblings = [...rows];
  const byStream = new Map<number, number[]>();
  for (const row of rows) byStream.set(row.stream_id, [...(byStream.get(row.stream_id) ?? []), row.no]);
  for (const [streamId, nos] of byStream) siblings.push(...(await contributionsOfRecords(tx, streamId, nos)));
  const spoken = new Map<number, Statement[]>();
  for (const [row, statement] of await evaluate(deps, rawPages(tx), rows, siblings, tx))
    spoken.set(row.entity_id, [...(spoken.get(row.entity_id) ?? []), statement]);
  const decided = await tx.rows<{ entity_id: number; field: string; at: Date }>(
    sql`select entity_id, field, at from decision where entity_id = any(${numbers(ids)})`,
  );
  const decisions = new Map(decided.map((one) => [`${one.entity_id}/${one.field}`, one.at.getTime()]));
  return (entityId, field) => {
    const decision = decisions.get(`${entityId}/${field}`);
    if (decision !== undefined) return { record: null, at: decision };
    const [winner] = candidates(field, spoken.get(entityId) ?? []);
    return winner ? { record: winner, at: changedAt(field, winner) } : null;
  };
}
