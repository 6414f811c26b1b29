/** A made-up vendor system with one list of things: what its API answers, over a real socket. */
import type { JsonObject } from '../../connector/contract.ts';
import { NO_FAULTS } from '../faults.ts';
import { type SystemAnswer, type SystemRequest, serve } from '../server.ts';
import {
  type Change,
  onOwnClock,
  type RequestRecord,
  type SandboxAction,
  type SystemOptions,
  type VendorSystem,
} from '../system.ts';
import { Table } from '../table.ts';

const ACCESS_TOKEN = 'acme-sandbox-token';
const MOST_PER_PAGE = 100;

export async function openAcme(options: SystemOptions): Promise<VendorSystem> {
  const { world, clock, faults = NO_FAULTS, saved } = options;
  const things = new Table();
  const requests: RequestRecord[] = [];
  let lastId = 0;
  const now = () => clock.now().getTime() + faults.clockSkewMs;
  const add = (values: JsonObject, times: { at: number; visibleAt?: number }): string => {
    lastId += 1;
    things.put(String(lastId), values, times);
    return String(lastId);
  };
  if (saved === undefined) {
    for (const { sku, name } of world.products) add({ sku, name, quantity: 5 }, { at: world.at.getTime() });
  } else {
    things.load(saved);
    lastId = Math.max(0, ...things.ids().map(Number));
  }

  const answer = (request: SystemRequest): SystemAnswer => {
    const given = judged(request) ?? route(request);
    const cost = 1;
    requests.push({ method: request.method, path: request.path, status: given.status, cost, at: clock.now() });
    return given;
  };
  const route = ({ method, path, query }: SystemRequest): SystemAnswer => {
    if (method !== 'GET') return refusal(405, 'this method is not allowed');
    if (path === '/v1/account') return { status: 200, body: { name: 'Acme' } };
    if (path === '/v1/things') {
      const given = query.get('order') === 'id' ? listById(query) : listByChange(query);
      faults.betweenPages?.('things');
      return given;
    }
    const [, id] = /^\/v1\/things\/(\d+)$/.exec(path) ?? [];
    const found = id === undefined ? null : things.get(id, now());
    return found
      ? { status: 200, body: shown(found.id, found.updatedAt, found.values) }
      : refusal(404, 'no such thing');
  };
  /** Everything that is there, in an order that no change moves. */
  const listById = (query: URLSearchParams): SystemAnswer => {
    const after = Number(query.get('after') ?? 0);
    const all = [...things.all(now())];
    const left = all.filter(({ id }) => Number(id) > after).sort((a, b) => Number(a.id) - Number(b.id));
    const page = left.slice(0, limitOf(query));
    const list = page.map(({ id, updatedAt, values }) => shown(id, updatedAt, values));
    return { status: 200, body: { things: list, more: left.length > page.length, total: all.length } };
  };
  /** What changed from `since` until `until`, in order of (time, id); the deleted ones as such. */
  const listByChange = (query: URLSearchParams): SystemAnswer => {
    const since = Date.parse(query.get('since') ?? '') || 0;
    const until = Date.parse(query.get('until') ?? '');
    const [afterAt = 0, afterId = 0] = (query.get('after') ?? '').split('~').map(Number);
    const left = [...things.all(now()), ...things.deleted(now())]
      .filter(({ updatedAt }) => updatedAt >= since && updatedAt <= until)
      .filter(({ id, updatedAt }) => updatedAt > afterAt || (updatedAt === afterAt && Number(id) > afterId))
      .sort((a, b) => a.updatedAt - b.updatedAt || Number(a.id) - Number(b.id));
    const page = left.slice(0, limitOf(query));
    const list = page.map(({ id, updatedAt, values }) => shown(id, updatedAt, values));
    return { status: 200, body: { things: list, more: left.length > page.length } };
  };
  const server = await serve(answer, { clock, faults, ...(options.port === undefined ? {} : { port: options.port }) });

  const idOf = (sku: string): string => {
    const found = [...things.all(now())].find(({ values }) => values['sku'] === sku);
    if (found) return found.id;
    const known = [...things.all(now())].map(({ values }) => values['sku']);
    throw new RangeError(`there is no SKU ${sku}; there is ${known.join(', ')}`);
  };
  return {
    name: 'acme',
    url: server.url,
    settings: { connector: 'acme', url: server.url, accessToken: ACCESS_TOKEN },
    streams: ['things'],
    async act({ kind, sku, quantity = 1 }: SandboxAction) {
      const id = idOf(sku);
      const values = things.latest(id) ?? {};
      const left = kind === 'buy' ? Number(values['quantity']) - quantity : quantity;
      const changed = kind === 'edit' ? { name: `${values['name']} *` } : { quantity: left };
      things.put(id, kind === 'delete' ? null : { ...values, ...changed }, { at: now() });
    },
    async change(given: Change) {
      const change = onOwnClock(given, faults.clockSkewMs);
      const { at, visibleAt } = change.stamp ?? {};
      const times = { at: at?.getTime() ?? now(), visibleAt: visibleAt?.getTime() ?? now() };
      if (change.kind === 'create')
        return add({ sku: `NEW-${change.marker}`, name: change.marker, quantity: 1 }, times);
      const values = change.kind === 'delete' ? null : { ...things.latest(change.id), name: change.marker };
      things.put(change.id, values, times);
      return change.id;
    },
    truth: () => new Map([...things.all(now())].map(({ id, values }) => [id, String(values['name'])])),
    marker: (_stream, record) => String((record as JsonObject)['name']),
    requests,
    save: () => things.save(),
    close: () => server.close(),
  };
}

/** What is refused before anything is looked at: faults, and calls without the token. */
function judged({ fault, headers }: SystemRequest): SystemAnswer | null {
  if (fault?.kind === 'limited') {
    const seconds = String(Math.ceil(fault.retryAfterMs / 1000));
    return { ...refusal(429, 'too many requests'), headers: { 'retry-after': seconds } };
  }
  if (fault?.kind === 'unavailable') return refusal(fault.status, 'try again later');
  if (fault?.kind === 'html')
    return { status: fault.status, headers: { 'content-type': 'text/html' }, body: '<h1>Maintenance</h1>' };
  const isKnown = headers['authorization'] === `Bearer ${ACCESS_TOKEN}`;
  return isKnown && fault?.kind !== 'expired' ? null : refusal(401, 'the access token is not valid');
}

const refusal = (status: number, message: string): SystemAnswer => ({ status, body: { error: message } });

const limitOf = (query: URLSearchParams): number =>
  Math.min(Number(query.get('limit') ?? MOST_PER_PAGE), MOST_PER_PAGE);

const shown = (id: string, updatedAt: number, values: JsonObject | null): JsonObject => ({
  id: Number(id),
  updated_at: new Date(updatedAt).toISOString(),
  ...(values ?? { deleted: true }),
});
