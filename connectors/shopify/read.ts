/** Reading a stream: whole by a bulk query or a short list, by changes, or again for what no change shows. */
import type { ConnectionContext, JsonObject, Page, ReadRequest, Tombstone } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { isBulkCursor, readBulk } from './bulk.ts';
import { readChanges } from './changes.ts';
import { pick, type Shop } from './client.ts';
import { findId } from './ids.ts';
import { isObject, listOf, partsOf } from './nodes.ts';
import { PLAIN, restOf, textIn } from './page.ts';
import { seesAll } from './scopes.ts';
import { idsQuery, listQuery, pageCost, type Shape, shapeOf } from './shapes.ts';

/** Records a sweep reads again in one pass. */
const SWEPT_PER_PASS = 1000;

export function read(shop: Shop, context: ConnectionContext, request: ReadRequest): AsyncGenerator<Page> {
  const shape = shapeOf(request.stream);
  if (!shape.isBulk) return readList(shop, context, shape, request);
  if (request.mode === 'sweep') return sweep(shop, context, shape, request);
  const isWhole = request.mode === 'full' || textIn(request.cursor, 'since') === null || isBulkCursor(request.cursor);
  return isWhole ? readBulk(shop, context, shape, request) : readChanges(shop, context, shape, request);
}

/** A short list, read whole in every mode: it has no filter by time of change. */
async function* readList(
  shop: Shop,
  context: ConnectionContext,
  shape: Shape,
  request: ReadRequest,
): AsyncGenerator<Page> {
  const began = textIn(request.cursor, 'began') ?? context.clock.now().toISOString();
  const isSweep = request.mode === 'sweep';
  const first = Math.min(request.pageSize, shape.mostPerPage);
  let after = textIn(request.cursor, 'after');
  let isLast = false;
  while (!isLast) {
    const observedAt = context.clock.now();
    const list = await askPage(shop, shape, { first, after, query: null }, request);
    isLast = list.after === null;
    after = list.after;
    const parts = await partsOf(shape, list.nodes, restOf(shop, shape, request));
    yield {
      ...PLAIN,
      ...parts,
      observedAt,
      window: { id: `list ${began}`, kind: isSweep ? 'delta' : 'snapshot', scope: shape.stream },
      complete: isLast && !isSweep,
      // Read whole again by the next pass.
      next: isLast ? {} : { began, after },
    };
    context.signal.throwIfAborted();
  }
}

async function* sweep(
  shop: Shop,
  context: ConnectionContext,
  shape: Shape,
  request: ReadRequest,
): AsyncGenerator<Page> {
  const first = Math.min(request.pageSize, shape.mostPerPage);
  let behind = textIn(request.cursor, 'behind');
  for (let swept = 0; swept < SWEPT_PER_PASS; swept += first) {
    const observedAt = context.clock.now();
    const query = behind === null ? null : `id:>${behind}`;
    const list = await askPage(shop, shape, { first, after: null, query }, request);
    const parts = await partsOf(shape, list.nodes, restOf(shop, shape, request));
    const last = list.nodes.at(-1);
    const isLast = list.after === null || !last;
    behind = isLast ? null : findId(last);
    yield {
      ...PLAIN,
      ...parts,
      observedAt,
      window: { id: `sweep ${observedAt.toISOString()} ${query ?? ''}`, kind: 'delta', scope: shape.stream },
      // From the first record again when all were seen.
      next: { behind },
    };
    context.signal.throwIfAborted();
    if (isLast) return;
  }
}

async function askPage(
  shop: Shop,
  shape: Shape,
  variables: { readonly first: number; readonly after: string | null; readonly query: string | null },
  request: Pick<ReadRequest, 'trafficClass'>,
) {
  const { data } = await shop.call({
    query: listQuery(shape),
    variables: { ...variables },
    cost: pageCost(variables.first, shape.nodeCost),
    trafficClass: request.trafficClass,
  });
  return listOf(pick(data, shape.root));
}

/** These records again; those that are gone as tombstones. One that may only be hidden is left out. */
export async function readIds(
  shop: Shop,
  context: ConnectionContext,
  stream: string,
  ids: readonly string[],
): Promise<Page> {
  const shape = shapeOf(stream);
  const observedAt = context.clock.now();
  const found: JsonObject[] = [];
  const missing: string[] = [];
  for (let at = 0; at < ids.length; at += shape.mostPerPage) {
    const asked = ids.slice(at, at + shape.mostPerPage);
    const { data } = await shop.call({
      query: idsQuery(shape),
      variables: { ids: asked.map((id) => `gid://shopify/${shape.type}/${id}`) },
      cost: 1 + shape.nodeCost,
      trafficClass: 'webhook',
    });
    const nodes = pick(data, 'nodes');
    if (!Array.isArray(nodes) || nodes.length !== asked.length)
      throw new TributaryError(
        'ERR_CONNECTOR_PROTOCOL',
        'Shopify answered another number of records than it was asked for.',
      );
    for (const [place, id] of asked.entries()) {
      const node: unknown = nodes[place];
      if (isObject(node) && findId(node) === id) found.push(node);
      else missing.push(id);
    }
  }
  const parts = await partsOf(shape, found, restOf(shop, shape, { trafficClass: 'webhook' }));
  const gone = await goneOf(shop, shape, missing);
  const tombstones = gone.map((id): Tombstone => ({ id, version: null }));
  return {
    ...PLAIN,
    ...parts,
    ...{ tombstones, observedAt, next: null },
    window: { id: `ids ${observedAt.toISOString()}`, kind: 'delta', scope: stream },
  };
}

/** Which of the records that are not shown are gone. Where older ones are hidden, those made after the oldest that is shown. */
async function goneOf(shop: Shop, shape: Shape, missing: readonly string[]): Promise<readonly string[]> {
  const request = { trafficClass: 'webhook' } as const;
  if (missing.length === 0 || (await seesAll(shop, shape.stream, request.trafficClass))) return missing;
  const { nodes } = await askPage(shop, shape, { first: 1, after: null, query: null }, request);
  const oldest = findId(nodes[0] ?? null);
  // Ids ascend with time.
  return oldest === null ? [] : missing.filter((id) => BigInt(id) > BigInt(oldest));
}
