/** What changed since the last pass: by time of change, with what other records tell of it, and then what was deleted. */
import type {
  ConnectionContext,
  Cursor,
  JsonObject,
  Page,
  ReadRequest,
  SourceRecord,
  Tombstone,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { type Answer, pick, type Shop } from './client.ts';
import { clocksOf, seconds } from './clocks.ts';
import { findId } from './ids.ts';
import { type List, listOf, type Parts, partsOf } from './nodes.ts';
import { PLAIN, restOf, textIn } from './page.ts';
import { CHANGED_PRODUCTS, changesQuery, DELETES, ITEMS_OF_PRODUCTS, pageCost, type Shape } from './shapes.ts';
import { streams } from './streams.ts';

type Phase = 'changed' | 'moved' | 'deleted';

/**
 * A pass: from `since` (overlap included) on. `began` is what the next pass goes on from; it stays the visibility lag behind
 * both clocks, ours and Shopify's. `until` ends the pass in a shop that never rests.
 */
type Pass = { readonly since: string; readonly began: string; readonly until: string };

type Step = Parts & {
  readonly tombstones: readonly Tombstone[];
  readonly after: string | null;
  readonly observedAt: Date;
};
type Work = {
  readonly shop: Shop;
  readonly context: ConnectionContext;
  readonly shape: Shape;
  readonly request: ReadRequest;
  readonly pass: Pass;
};

const PRODUCTS_PER_PAGE = 50;
const DELETES_PER_PAGE = 250;

export async function* readChanges(
  shop: Shop,
  context: ConnectionContext,
  shape: Shape,
  request: ReadRequest,
): AsyncGenerator<Page> {
  const pass = passOf(request.cursor) ?? (await openPass(shop, context, shape, request));
  const work: Work = { shop, context, shape, request, pass };
  const phases = phasesOf(shape);
  const going = textIn(request.cursor, 'phase');
  let at = Math.max(0, phases.indexOf(going === 'moved' || going === 'deleted' ? going : 'changed'));
  let after = textIn(request.cursor, 'after');
  while (at < phases.length) {
    const phase = phases[at] ?? 'changed';
    const step = await withFreshStart(after, (from) => stepOf(work, phase, from));
    // A window of its own for each page, so that each is committed by itself.
    const id = `changes ${pass.began} ${phase} ${after ?? ''}`;
    const window = (part: number) => ({ id: `${id} ${part}`, kind: 'delta' as const, scope: shape.stream });
    const chunks = chunksOf(step.records, request.pageSize);
    const last = chunks.pop() ?? [];
    for (const [part, records] of chunks.entries()) {
      const { observedAt } = step;
      yield { ...PLAIN, records, problems: [], observedAt, window: window(part), next: { ...pass, phase, after } };
      context.signal.throwIfAborted();
    }
    if (step.after === null) at += 1;
    after = step.after;
    const { problems, tombstones, observedAt } = step;
    yield {
      ...{ ...PLAIN, records: last, problems, tombstones, observedAt, window: window(chunks.length) },
      next: at < phases.length ? { ...pass, phase: phases[at] ?? 'changed', after } : { since: pass.began },
    };
    context.signal.throwIfAborted();
  }
}

/** So many records at once, each with its children. */
function chunksOf(records: readonly SourceRecord[], size: number): SourceRecord[][] {
  const chunks: SourceRecord[][] = [];
  let roots = size;
  for (const record of records) {
    if (record.parent === undefined && roots === size) {
      chunks.push([]);
      roots = 0;
    }
    if (record.parent === undefined) roots += 1;
    chunks.at(-1)?.push(record);
  }
  return chunks;
}

function phasesOf({ stream, subject }: Shape): readonly Phase[] {
  if (stream === 'inventory') return ['changed', 'moved'];
  return subject === null ? ['changed'] : ['changed', 'deleted'];
}

function passOf(cursor: Cursor | null): Pass | null {
  const [since, began, until] = ['since', 'began', 'until'].map((name) => textIn(cursor, name));
  return since && began && until ? { since, began, until } : null;
}

async function openPass(
  shop: Shop,
  context: ConnectionContext,
  { stream }: Shape,
  request: ReadRequest,
): Promise<Pass> {
  const { overlapMs = 0 } = streams.find(({ name }) => name === stream) ?? {};
  const since = Date.parse(textIn(request.cursor, 'since') ?? '') - overlapMs;
  const clocks = await clocksOf(shop, context, request);
  return {
    since: seconds(since),
    began: seconds(Math.min(...clocks) - visibilityLagOf(stream)),
    until: new Date(Math.max(...clocks)).toISOString(),
  };
}

const visibilityLagOf = (stream: string): number => streams.find(({ name }) => name === stream)?.visibilityLagMs ?? 0;

/** A page cursor that Shopify no longer takes costs a second reading of the phase, and nothing else. */
async function withFreshStart(after: string | null, step: (after: string | null) => Promise<Step>): Promise<Step> {
  try {
    return await step(after);
  } catch (error) {
    const codes: unknown = error instanceof TributaryError ? error.evidence['codes'] : null;
    if (after === null || !Array.isArray(codes) || !codes.includes('BAD_REQUEST')) throw error;
    return step(null);
  }
}

function stepOf(work: Work, phase: Phase, after: string | null): Promise<Step> {
  if (phase === 'deleted') return deletedStep(work, after);
  return phase === 'moved' ? movedStep(work, after) : changedStep(work, after);
}

async function changedStep(work: Work, after: string | null): Promise<Step> {
  const { shop, context, shape, request, pass } = work;
  const first = Math.min(request.pageSize, shape.mostPerPage);
  const observedAt = context.clock.now();
  const asked = { first, after, query: `updated_at:>='${pass.since}'` };
  const answer = await ask(work, changesQuery(shape), asked, pageCost(first, shape.nodeCost));
  const list = listOf(pick(answer.data, shape.root));
  const parts = await partsOf(shape, list.nodes, restOf(shop, shape, request));
  const isOver = shape.sorts && isBehind(list, work, answer.vendorTime ?? observedAt);
  return { ...parts, tombstones: [], observedAt, after: isOver ? null : list.after };
}

/**
 * What follows changed while this pass was under way: the next one reads it. A record that changed just now says nothing of
 * what follows: it may stand where the search last knew it, with the time it has by now.
 */
function isBehind({ nodes }: List, { pass, shape }: Work, now: Date): boolean {
  const known = now.getTime() - visibilityLagOf(shape.stream);
  return nodes.some((node) => {
    const at = Date.parse(String(node?.['updatedAt']));
    return at > Date.parse(pass.until) && at <= known;
  });
}

/** Items of products that changed: a level moves its product, not its item. */
async function movedStep(work: Work, after: string | null): Promise<Step> {
  const { shop, context, shape, request, pass } = work;
  const observedAt = context.clock.now();
  const asked = { first: PRODUCTS_PER_PAGE, after, query: `updated_at:>='${pass.since}'` };
  const answer = await ask(work, CHANGED_PRODUCTS, asked, pageCost(PRODUCTS_PER_PAGE, 0));
  const products = listOf(pick(answer.data, 'products'));
  const ids = products.nodes.flatMap((node) => findId(node) ?? []);
  const items: JsonObject[] = [];
  const first = shape.mostPerPage;
  for (let at: string | null = ids.length === 0 ? null : ''; at !== null; ) {
    const variables = { first, after: at === '' ? null : at, query: `product_ids:${ids.join(',')}` };
    const cost = pageCost(first, 1 + shape.nodeCost);
    const variants = listOf(pick((await ask(work, ITEMS_OF_PRODUCTS, variables, cost)).data, 'productVariants'));
    for (const variant of variants.nodes) {
      const item = variant?.['inventoryItem'];
      if (typeof item === 'object' && item !== null && !Array.isArray(item)) items.push(item);
    }
    at = variants.after;
  }
  const parts = await partsOf(shape, items, restOf(shop, shape, request));
  const isOver = isBehind(products, work, answer.vendorTime ?? observedAt);
  return { ...parts, tombstones: [], observedAt, after: isOver ? null : products.after };
}

async function deletedStep(work: Work, after: string | null): Promise<Step> {
  const { context, shape, pass } = work;
  const observedAt = context.clock.now();
  const query = `action:destroy AND subject_type:${shape.subject} AND created_at:>='${pass.since}'`;
  const answer = await ask(work, DELETES, { first: DELETES_PER_PAGE, after, query }, pageCost(DELETES_PER_PAGE, 0));
  const list = listOf(pick(answer.data, 'events'));
  const tombstones = list.nodes.flatMap((event): Tombstone[] => {
    const id = findId(event?.['subjectId'] ?? null);
    const isDelete = event?.['action'] === 'destroy' && event['subjectType'] === shape.subject;
    return isDelete && id !== null ? [{ id, version: Date.parse(String(event['createdAt'])) }] : [];
  });
  return { records: [], problems: [], tombstones, observedAt, after: list.after };
}

function ask(work: Work, query: string, variables: JsonObject, cost: number): Promise<Answer> {
  return work.shop.call({ query, variables, cost, trafficClass: work.request.trafficClass });
}
