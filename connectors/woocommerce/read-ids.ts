/** Reads records again by their ids. */
import type { Json, Page, SourceProblem, SourceRecord, Tombstone } from '../../src/connector/index.ts';
import { isMissing, isObject, judge, type Shop, send } from './client.ts';
import { inheritsIn } from './inherits.ts';
import { list, type Row } from './list.ts';
import { LISTS } from './lists.ts';
import { recordOf, versionOf } from './records.ts';
import { unitsAround } from './units.ts';

const MOST_PER_CALL = 100;
const trafficClass = 'webhook';

/** States in which a record counts as gone: thrown away, or an order that was never placed. */
const GONE = ['trash', 'checkout-draft', 'auto-draft'];

/**
 * A list finds most of them at once. What it leaves out is asked for one by one: only a record's own address says that it is gone.
 * @throws TributaryError as `call`
 */
export async function readIds(shop: Shop, stream: string, ids: readonly string[]): Promise<Page> {
  const observedAt = shop.context.clock.now();
  const records: SourceRecord[] = [];
  const tombstones: Tombstone[] = [];
  const problems: SourceProblem[] = [];
  const rows: Row[] = [];
  const found = await listed(shop, stream, ids);
  for (const [at, id] of ids.entries()) {
    const row = found.get(id) ?? (await single(shop, stream, id));
    if (row === null || isGone(row.body)) tombstones.push({ id, version: row === null ? null : versionOf(row.body) });
    else if (String(row.id) !== id)
      problems.push({
        message: `Asked for ${id}, the shop answered with ${row.id}.`,
        position: at + 1,
        raw: row.raw,
        id,
      });
    else {
      rows.push(row);
      records.push(recordOf(row, at + 1));
    }
  }
  return {
    ...{ records, tombstones, problems, observedAt, next: null, complete: false, expected: null, notBefore: null },
    window: { id: `ids ${crypto.randomUUID()}`, kind: 'delta', scope: stream },
    context: {
      ...(await unitsAround(shop, LISTS[stream] ?? { hasUnits: false }, trafficClass)),
      ...(await inheritsIn(shop, stream, rows, trafficClass)),
    },
  };
}

function isGone(body: Json): boolean {
  return isObject(body) && typeof body.status === 'string' && GONE.includes(body.status);
}

async function listed(shop: Shop, stream: string, ids: readonly string[]): Promise<ReadonlyMap<string, Row>> {
  const found = new Map<string, Row>();
  const { path, query } = LISTS[stream] ?? { path: '', query: {} };
  for (let at = 0; at < ids.length; at += MOST_PER_CALL) {
    const include = ids.slice(at, at + MOST_PER_CALL).join(',');
    const request = { path, query: { ...query, include, per_page: String(MOST_PER_CALL) }, trafficClass } as const;
    for (const row of (await list(shop, request)).rows) if (row) found.set(String(row.id), row);
  }
  return found;
}

/** `null`: there is no such record. */
async function single(shop: Shop, stream: string, id: string): Promise<Row | null> {
  const path = await pathOf(shop, stream, id);
  const answer = path === null ? null : await send(shop, { path, trafficClass });
  if (answer === null || isMissing(answer)) return null;
  const { body, text } = judge(shop, answer);
  const named = isObject(body) && typeof body.id === 'number' ? body.id : 0;
  return { id: named, raw: Buffer.from(text), body };
}

/** Variations and refunds live below something else. `null`: gone, or nobody can say where it would be. */
async function pathOf(shop: Shop, stream: string, id: string): Promise<string | null> {
  if (stream === 'refunds') return null;
  if (stream !== 'variations') return `${LISTS[stream]?.path ?? ''}/${id}`;
  const answer = await send(shop, { path: `/products/${id}`, query: { _fields: 'id,parent_id' }, trafficClass });
  if (isMissing(answer)) return null;
  const { body } = judge(shop, answer);
  const parent = isObject(body) ? body.parent_id : null;
  return typeof parent === 'number' && parent > 0 ? `/products/${parent}/variations/${id}` : null;
}
