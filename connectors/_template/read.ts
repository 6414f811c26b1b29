/** Reading things: all of them by id, or what changed by (time, id). */
import type {
  ConnectionContext,
  Cursor,
  Json,
  JsonObject,
  Page,
  ReadRequest,
  SourceRecord,
  Tombstone,
} from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { call } from './client.ts';
import type { AcmeConfig } from './config.ts';
import { externalId } from './ids.ts';
import { streams } from './streams.ts';

const MOST_PER_PAGE = 100;

/** Pages from the cursor on. Changes: `{since}` between passes, `{since, until, after}` within one. Full: `{began, after}`. */
export async function* read(
  config: AcmeConfig,
  context: ConnectionContext,
  request: ReadRequest,
): AsyncGenerator<Page> {
  const { visibilityLagMs = 0, overlapMs = 0 } = streams.find(({ name }) => name === request.stream) ?? {};
  const isFull = request.mode === 'full';
  const { cursor } = request;
  const now = context.clock.now().getTime();
  // Chosen once for the whole pass, and never closer to now than the vendor may still reveal changes.
  const until = timeOf(cursor, isFull ? 'began' : 'until') ?? now - visibilityLagMs;
  const since = timeOf(cursor, 'since');
  const from = since === null ? 0 : since - (cursor?.['until'] === undefined ? overlapMs : 0);
  let after = typeof cursor?.['after'] === 'string' ? cursor['after'] : null;
  const within: Cursor = isFull
    ? { began: new Date(until).toISOString() }
    : { since: new Date(from).toISOString(), until: new Date(until).toISOString() };
  for (let isLast = false; !isLast; ) {
    const observedAt = context.clock.now();
    const body = await call(config, context, {
      path: '/v1/things',
      query: {
        limit: String(Math.min(request.pageSize, MOST_PER_PAGE)),
        ...(isFull ? { order: 'id' } : { since: String(within['since']), until: String(within['until']) }),
        ...(after === null ? {} : { after }),
      },
      trafficClass: request.trafficClass,
    });
    const { things, more } = listOf(body);
    isLast = !more;
    const last = things.at(-1);
    if (last) after = isFull ? externalId(last) : `${Date.parse(String(last['updated_at']))}~${externalId(last)}`;
    yield {
      ...parted(things),
      next: isLast ? { since: new Date(until).toISOString() } : { ...within, after },
      window: {
        id: `${isFull ? 'full' : 'changes'} ${new Date(until).toISOString()}`,
        kind: isFull ? 'snapshot' : 'delta',
        scope: request.stream,
      },
      complete: isFull && isLast,
      observedAt,
      ...{ problems: [], expected: null, notBefore: null, context: {} },
    };
  }
}

/** Each of these things again; those that are gone as tombstones. */
export async function readIds(config: AcmeConfig, context: ConnectionContext, ids: readonly string[]): Promise<Page> {
  const observedAt = context.clock.now();
  const things: JsonObject[] = [];
  for (const id of ids) {
    const found = await call(config, context, { path: `/v1/things/${id}`, trafficClass: 'webhook' });
    things.push(isObject(found) ? found : { id, deleted: true });
  }
  return {
    ...parted(things),
    window: { id: `ids ${observedAt.toISOString()}`, kind: 'delta', scope: 'things' },
    ...{ observedAt, next: null, complete: false, problems: [], expected: null, notBefore: null, context: {} },
  };
}

function parted(things: readonly JsonObject[]): { records: SourceRecord[]; tombstones: Tombstone[] } {
  const records: SourceRecord[] = [];
  const tombstones: Tombstone[] = [];
  for (const [place, thing] of things.entries()) {
    const id = externalId(thing);
    const version = typeof thing['updated_at'] === 'string' ? Date.parse(thing['updated_at']) : null;
    if (thing['deleted'] === true) tombstones.push({ id, version });
    else records.push({ raw: new TextEncoder().encode(JSON.stringify(thing)), id, version, position: place + 1 });
  }
  return { records, tombstones };
}

function listOf(body: Json): { things: readonly JsonObject[]; more: boolean } {
  if (isObject(body) && Array.isArray(body['things']) && typeof body['more'] === 'boolean')
    return { things: body['things'].filter(isObject), more: body['more'] };
  throw new TributaryError('ERR_CONNECTOR_PROTOCOL', 'Acme answered a list of things without things.');
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function timeOf(cursor: Cursor | null, name: string): number | null {
  const text = cursor?.[name];
  return typeof text === 'string' ? Date.parse(text) : null;
}
