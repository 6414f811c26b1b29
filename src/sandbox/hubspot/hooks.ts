/** Webhooks of an app: subscriptions and their one address, and signed deliveries that are repeated until somebody takes them. */
import { createHmac } from 'node:crypto';
import type { Clock, JsonObject } from '../../connector/contract.ts';
import { untilNone } from '../deliveries.ts';
import type { Faults } from '../faults.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { FACTS } from './definitions.ts';
import { ApiError, invalid, notFound } from './errors.ts';
import { CREDENTIALS } from './login.ts';
import { bodyOf } from './object-routes.ts';
import type { Portal, Told } from './portal.ts';
import { PORTAL_ID } from './schema-routes.ts';
import { asList, asObject, asText } from './shapes.ts';

/** Events of this long go out together. */
const BATCH_MS = 500;
const MOST_IN_BATCH = 100;
/** Ten more tries over a day. */
const RETRIES_MS = [
  60_000, 300_000, 900_000, 3_600_000, 7_200_000, 10_800_000, 14_400_000, 14_400_000, 14_400_000, 14_400_000,
];
const TIMEOUT_MS = 5_000;

export type Hooks = {
  /** `/webhooks/v3/{appId}/…`, for who has the developer's key. */
  answer(request: SystemRequest): SystemAnswer | null;
  /** Resolves when nothing is under way. */
  delivered(): Promise<void>;
  save(): JsonObject;
  close(): Promise<void>;
};

type Options = {
  readonly clock: Clock;
  readonly faults: Faults;
  readonly speed: number;
  readonly saved: JsonObject | null;
};

export function makeHooks(portal: Portal, { clock, faults, speed, saved }: Options): Hooks {
  let settings = asObject(saved?.['settings']);
  const subscriptions = new Map(
    asList(saved?.['subscriptions']).map((one) => [asText(asObject(one)['id']), asObject(one)]),
  );
  let lastId = Number(saved?.['lastId'] ?? 0);
  let lastEvent = Number(saved?.['lastEvent'] ?? 0);
  let waiting: JsonObject[] = [];
  let late: JsonObject[] = [];
  const closing = new AbortController();
  const working = new Set<Promise<void>>();
  const run = (work: () => Promise<void>): void => {
    const done = work()
      .catch(() => undefined)
      .finally(() => working.delete(done));
    working.add(done);
  };

  portal.onChange((told) => {
    for (const subscription of subscriptions.values()) {
      if (subscription['active'] !== true || !isAbout(subscription, told)) continue;
      lastEvent += 1;
      waiting.push(eventOf(subscription, told, lastEvent, portal.now()));
      if (waiting.length === 1) run(flush);
    }
  });

  const flush = async (): Promise<void> => {
    await clock.sleep(BATCH_MS / speed, closing.signal);
    const due = waiting;
    waiting = [];
    // In no order that means anything.
    due.reverse();
    for (let at = 0; at < due.length; at += MOST_IN_BATCH) {
      const events = due.slice(at, at + MOST_IN_BATCH);
      const fate = faults.onWebhook();
      const behind = late;
      late = fate === 'late' ? events : [];
      if (fate === 'deliver' || fate === 'double') await deliver(events);
      if (fate === 'double') await deliver(events);
      if (behind.length > 0) await deliver(behind);
    }
  };

  const deliver = async (events: readonly JsonObject[]): Promise<void> => {
    if (await post(events, 0)) return;
    run(async () => {
      for (const [attempt, wait] of RETRIES_MS.entries()) {
        await clock.sleep(wait / speed, closing.signal);
        if (await post(events, attempt + 1)) return;
      }
    });
  };

  const post = async (events: readonly JsonObject[], attemptNumber: number): Promise<boolean> => {
    const url = asText(settings['targetUrl']);
    if (url === '' || closing.signal.aborted) return true;
    const body = JSON.stringify(events.map((event) => ({ ...event, attemptNumber })));
    const timestamp = String(portal.now());
    const signature = createHmac('sha256', CREDENTIALS.clientSecret)
      .update(`POST${url}${body}${timestamp}`)
      .digest('base64');
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'HubSpot Connect 2.0',
          'x-hubspot-signature-v3': signature,
          'x-hubspot-request-timestamp': timestamp,
        },
        body,
        redirect: 'manual',
        signal: AbortSignal.any([closing.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  };

  const route = (request: SystemRequest, rest: string): SystemAnswer => {
    if (rest === '/settings') return settingsRoute(request);
    const [, id] = /^\/subscriptions(?:\/(\d+))?$/.exec(rest) ?? [];
    if (id !== undefined) return oneSubscription(request, id);
    if (rest !== '/subscriptions') throw notFound();
    if (request.method === 'POST') return subscribe(bodyOf(request));
    return { status: 200, body: { results: [...subscriptions.values()] } };
  };
  const settingsRoute = (request: SystemRequest): SystemAnswer => {
    if (request.method === 'DELETE') {
      settings = {};
      return { status: 204 };
    }
    if (request.method === 'PUT') settings = { ...bodyOf(request), createdAt: stamp(), updatedAt: stamp() };
    if (settings['targetUrl'] === undefined) throw notFound();
    return { status: 200, body: settings };
  };
  const oneSubscription = (request: SystemRequest, id: string): SystemAnswer => {
    const found = subscriptions.get(id);
    if (!found) throw notFound();
    if (request.method === 'DELETE') {
      subscriptions.delete(id);
      return { status: 204 };
    }
    const active = request.method === 'PATCH' ? bodyOf(request)['active'] === true : (found['active'] ?? false);
    const kept = { ...found, active, updatedAt: stamp() };
    subscriptions.set(id, kept);
    return { status: 200, body: kept };
  };
  const stamp = (): string => new Date(portal.now()).toISOString();
  const subscribe = (body: JsonObject): SystemAnswer => {
    const eventType = asText(body['eventType']);
    const propertyName = asText(body['propertyName']);
    if (!/^(contact|company|deal|product|line_item)\.[a-zA-Z]+$/.test(eventType)) throw invalid('Invalid eventType');
    if (eventType.endsWith('.propertyChange') !== (propertyName !== ''))
      throw invalid('propertyName belongs to propertyChange');
    const twin = [...subscriptions.values()].some(
      (one) => one['eventType'] === eventType && asText(one['propertyName']) === propertyName,
    );
    if (twin) throw new ApiError(409, 'CONFLICT', `Subscription already exists for ${eventType}`);
    lastId += 1;
    const id = String(lastId);
    const made = {
      ...{ id, eventType, active: body['active'] === true, createdAt: stamp(), updatedAt: stamp() },
      ...(propertyName === '' ? {} : { propertyName }),
    };
    subscriptions.set(id, made);
    return { status: 201, body: made };
  };

  return {
    answer(request) {
      const [, app, rest = ''] = /^\/webhooks\/v3\/(\d+)(\/.*)$/.exec(request.path) ?? [];
      if (app === undefined) return null;
      if (app !== String(CREDENTIALS.appId) || request.query.get('hapikey') !== CREDENTIALS.developerApiKey)
        throw new ApiError(401, 'INVALID_AUTHENTICATION', 'The API key provided is invalid.');
      return route(request, rest);
    },
    delivered: () => untilNone(working),
    save: () => ({ settings, subscriptions: [...subscriptions.values()], lastId, lastEvent }),
    close: async () => {
      closing.abort();
      await Promise.all(working);
    },
  };
}

function isAbout(subscription: JsonObject, { kind, what, property }: Told): boolean {
  if (subscription['eventType'] !== `${FACTS[kind].singular}.${what}`) return false;
  return what !== 'propertyChange' || subscription['propertyName'] === property?.[0];
}

function eventOf(subscription: JsonObject, told: Told, eventId: number, at: number): JsonObject {
  const { kind, id, what, property, mergedIds, linkedId } = told;
  return {
    ...{ eventId, subscriptionId: Number(subscription['id']), portalId: PORTAL_ID, appId: CREDENTIALS.appId },
    ...{ occurredAt: at, subscriptionType: `${FACTS[kind].singular}.${what}` },
    // A link has two ends, and no object.
    ...(linkedId === undefined ? { objectId: Number(id) } : { fromObjectId: Number(id), toObjectId: Number(linkedId) }),
    changeSource: 'CRM_UI',
    ...(property ? { propertyName: property[0], propertyValue: property[1] } : {}),
    ...(mergedIds
      ? { primaryObjectId: Number(id), mergedObjectIds: mergedIds.map(Number), newObjectId: Number(id) }
      : {}),
  };
}
