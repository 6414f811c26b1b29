/** Reads a stream: its changes, all of it, or again for what its times do not show. */
import {
  type Cursor,
  type JsonObject,
  type Page,
  type ReadRequest,
  type Tombstone,
  unsupported,
  type Window,
  z,
} from '../../src/connector/index.ts';
import { isObject, type Shop } from './client.ts';
import { inheritsIn } from './inherits.ts';
import type { Row } from './list.ts';
import { LISTS } from './lists.ts';
import { recordOf, versionOf } from './records.ts';
import { unitsAround } from './units.ts';
import { START, type Step } from './walk.ts';

const place = z.object({ last: z.number().nullable(), at: z.number(), seen: z.number() });

/** A pass that is under way. Enough to go on with in another process after weeks. */
const running = z.object({
  window: z.string(),
  /** Changes behind this time are read; `null`: everything. */
  since: z.string().nullable(),
  /** What this pass will have read: the next one starts from here. */
  until: z.string(),
  phase: z.enum(['live', 'trash']),
  place,
  /** Nothing that taints the window has been met so far. */
  isClean: z.boolean(),
});
type Running = z.infer<typeof running>;

/** Between passes. */
const settled = z.object({ until: z.string() });

/** @throws TributaryError as `call`; `ERR_CONNECTOR_UNSUPPORTED` when there is no such stream */
export async function* read(shop: Shop, request: ReadRequest): AsyncGenerator<Page> {
  const { mode, stream, cursor, pageSize, trafficClass } = request;
  const list = LISTS[stream];
  if (!list) throw unsupported('woocommerce', `read the stream ${stream}`);
  const context = await unitsAround(shop, list, trafficClass);
  const isChanges = mode === 'incremental' && list.hasTimes;
  const kind = kindOf(mode, list.hasTimes);
  let pass = running.safeParse(cursor).data ?? null;
  let swept = 0;
  const since = pass ? pass.since : isChanges ? sinceOf(cursor, list.overlapMs) : null;
  // The first time, too: a webhook may have told of what was put into the trash since.
  const phases = isChanges && list.trash ? PHASES : PHASES.slice(0, 1);
  for (const phase of pass ? phases.slice(phases.indexOf(pass.phase)) : phases) {
    const steps = list.steps(shop, {
      ...{ phase, pageSize, trafficClass, since: since === null ? null : filterTime(since) },
      start: pass?.phase === phase ? pass.place : START,
    });
    for await (const step of steps) {
      pass = passAt(step, { ...(pass ?? begun(mode, step, list.visibilityLagMs)), since, phase });
      const isLast = step.isEnd && phase === phases.at(-1);
      const inherits = await inheritsIn(shop, stream, step.rows, trafficClass);
      yield pageOf(stream, step, pass, { kind, isLast, context: { ...context, ...inherits } });
      if (mode === 'sweep' && ++swept === SWEPT_PAGES) return;
    }
  }
}

const PHASES = ['live', 'trash'] as const;
/** A sweep takes so many pages, and the next one goes on behind them: a round must not be a full read each time. */
const SWEPT_PAGES = 10;

/** A list without times is read whole each time. */
function kindOf(mode: ReadRequest['mode'], hasTimes: boolean): Window['kind'] {
  return mode === 'full' || (mode === 'incremental' && !hasTimes) ? 'snapshot' : 'delta';
}

/** `null`: nothing was read before. */
function sinceOf(cursor: Cursor | null, overlapMs: number): string | null {
  const until = settled.safeParse(cursor).data?.until;
  return until === undefined ? null : new Date(Date.parse(until) - overlapMs).toISOString();
}

function begun(mode: ReadRequest['mode'], step: Step, lagMs: number): Omit<Running, 'since' | 'phase' | 'place'> {
  return { window: `${mode} ${crypto.randomUUID()}`, until: boundOf(step, lagMs).toISOString(), isClean: true };
}

function passAt(step: Step, pass: Omit<Running, 'place'>): Running {
  return { ...pass, place: step.place, isClean: pass.isClean && step.problems.length === 0 };
}

/** Whole seconds: a filter knows no others. Never later than the shop's own clock says it is, however slow that is. */
function boundOf({ sentAt, shopBefore }: Step, lagMs: number): Date {
  const now = Math.min(sentAt.getTime(), shopBefore?.getTime() ?? Number.POSITIVE_INFINITY);
  return new Date(Math.floor((now - lagMs) / 1000) * 1000);
}

/**
 * A time as `modified_after` takes it together with `dates_are_gmt=true`: without Z, or the shop shifts it by its zone. The filter
 * leaves out the second it names, so it names the one before.
 */
export function filterTime(iso: string): string {
  return new Date(Date.parse(iso) - 1000).toISOString().slice(0, 19);
}

/** Taken back while the list was made, or listed by a plugin that knows no trash: not gone. */
const isTrashed = ({ body }: Row): boolean => isObject(body) && body.status === 'trash';
const tombstoneOf = ({ id, body }: Row): Tombstone => ({ id: String(id), version: versionOf(body) });

type About = { readonly kind: Window['kind']; readonly isLast: boolean; readonly context: JsonObject };

function pageOf(stream: string, step: Step, pass: Running, { kind, isLast, context }: About): Page {
  const isTrash = pass.phase === 'trash';
  const first = step.place.seen - step.rows.length + 1;
  // Everything there was from the beginning to the end was read: records that went meanwhile may be counted too many, never too few.
  const isProven = pass.isClean && step.place.seen >= step.total;
  const next: Cursor = isLast ? { until: pass.until } : step.isEnd ? { ...pass, phase: 'trash', place: START } : pass;
  return {
    records: isTrash ? [] : step.rows.map((row, at) => recordOf(row, first + at)),
    tombstones: isTrash ? step.rows.filter(isTrashed).map(tombstoneOf) : [],
    problems: step.problems,
    next,
    window: { id: pass.window, kind, scope: stream },
    complete: kind === 'snapshot' && isLast && isProven,
    observedAt: step.sentAt,
    expected: kind === 'snapshot' && isLast && step.place.seen <= step.total ? step.total : null,
    notBefore: null,
    context,
  };
}
