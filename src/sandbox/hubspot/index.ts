/**
 * A HubSpot account: CRM objects under both kinds of paths, search over an index that trails, associations, properties, campaigns,
 * forms, OAuth, limits and the webhooks of an app. Behaves as accounts were seen to; what it does not have, it answers with 404.
 */
import type { Json, JsonObject } from '../../connector/contract.ts';
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
import { act } from './act.ts';
import { ApiError, answerTo, faulty } from './errors.ts';
import { makeHooks } from './hooks.ts';
import { makeLimits, type Plan, PROFESSIONAL } from './limits.ts';
import { CREDENTIALS, makeLogin } from './login.ts';
import { type Marketing, makeMarketing } from './marketing.ts';
import { makePortal, type Portal } from './portal.ts';
import { routed } from './routes.ts';
import { PORTAL_ID } from './schema-routes.ts';
import { seed } from './seed.ts';
import { isObject } from './shapes.ts';
import { changeRecord, MARKED_STREAMS, markerIn, markers } from './streams.ts';

export type HubSpotOptions = SystemOptions & {
  /** @defaultValue that of a Professional account */
  readonly plan?: Plan;
};

/** The vendor system, and what people do inside the account. */
export type HubSpotSystem = VendorSystem & { readonly portal: Portal; readonly marketing: Marketing };

const MOST_REQUESTS = 100_000;

export async function openHubSpot(options: HubSpotOptions): Promise<HubSpotSystem> {
  const { world, clock, faults = NO_FAULTS, speed = 1, plan = PROFESSIONAL } = options;
  const saved = isObject(options.saved) ? options.saved : null;
  const part = (name: string): JsonObject | null => {
    const value: Json | undefined = saved?.[name];
    return isObject(value) ? value : null;
  };
  const now = () => clock.now().getTime() + faults.clockSkewMs;
  const portal = makePortal(now, speed, part('portal'));
  const marketing = makeMarketing(now, part('marketing'));
  if (!saved) seed(portal, marketing, world);
  const login = makeLogin(now, speed, part('login'));
  const limits = makeLimits(now, speed, plan);
  const hooks = makeHooks(portal, { clock, faults, speed, saved: part('hooks') });
  const requests: RequestRecord[] = [];

  const respond = (request: SystemRequest): SystemAnswer => {
    if (request.fault) return faulty(request.fault);
    try {
      const ofApp = login.answer(request) ?? hooks.answer(request);
      if (ofApp) return ofApp;
      if (!login.isKnown(request.headers['authorization']))
        throw new ApiError(401, 'INVALID_AUTHENTICATION', 'Authentication credentials not found or not valid.');
      const isSearch = request.path.endsWith('/search');
      const refused = limits.spend(isSearch);
      const given = refused ?? routed({ portal, marketing, betweenPages: faults.betweenPages }, request);
      return isSearch ? given : { ...given, headers: { ...given.headers, ...limits.headers() } };
    } catch (error) {
      if (error instanceof ApiError) return answerTo(error);
      throw error;
    }
  };

  const server = await serve(
    (request) => {
      const given = respond(request);
      requests.push({ method: request.method, path: request.path, status: given.status, cost: 1, at: clock.now() });
      if (requests.length > MOST_REQUESTS) requests.shift();
      // A server tells its time with every answer.
      return { ...given, headers: { date: new Date(now()).toUTCString(), ...given.headers } };
    },
    { clock, faults, ...(options.port === undefined ? {} : { port: options.port }) },
  );

  return {
    name: 'hubspot',
    url: server.url,
    settings: {
      connector: 'hubspot',
      auth: { kind: 'access_token', accessToken: CREDENTIALS.serviceKey },
      app: { id: CREDENTIALS.appId, developerApiKey: CREDENTIALS.developerApiKey },
      ...{ portalId: PORTAL_ID, webhookSecret: CREDENTIALS.clientSecret, baseUrl: server.url },
    },
    streams: MARKED_STREAMS,
    act: async (action: SandboxAction) => act(portal, action),
    change: async (change: Change) => changeRecord(portal, marketing, onOwnClock(change, faults.clockSkewMs)),
    truth: (stream) => markers(portal, marketing, stream),
    marker: markerIn,
    requests,
    ...{ portal, marketing },
    delivered: hooks.delivered,
    save: () => ({
      ...{ portal: portal.save(), marketing: marketing.save() },
      ...{ login: login.save(), hooks: hooks.save() },
    }),
    close: async () => {
      await hooks.close();
      await server.close();
    },
  };
}
