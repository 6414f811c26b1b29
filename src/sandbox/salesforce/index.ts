/**
 * A Salesforce org: REST API with SOQL, describe, collections and replication, Bulk API 2.0 queries, OAuth, limits. Behaves as
 * an org was seen to; what it does not have, it refuses with NOT_FOUND.
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
import { makeBulk } from './bulk.ts';
import { describeGlobal, describeObject } from './describe.ts';
import { ApiError, answerTo } from './errors.ts';
import { makeLimits } from './limits.ts';
import { CREDENTIALS, makeLogin } from './login.ts';
import { objectNamed, type SfObject } from './objects.ts';
import { makeOrg, type Org } from './org.ts';
import { makeQueries } from './query-routes.ts';
import { collection, singleRecord } from './record-routes.ts';
import { deletedSince, updatedSince } from './replication.ts';
import { seed } from './seed.ts';
import { changeRecord, markerIn, markers, OBJECT_OF } from './streams.ts';

/** The vendor system, and what only an administrator of a real org could do. */
export type SalesforceSystem = VendorSystem & {
  readonly org: Org;
  /** Ends all sessions. */
  revoke(): void;
  /** Public key (PEM) whose JWTs log in. */
  trust(publicKey: string): void;
};

const VERSIONS = ['60.0', '61.0', '62.0', '63.0', '64.0', '65.0', '66.0'];
const MOST_REQUESTS = 100_000;

export async function openSalesforce(options: SystemOptions): Promise<SalesforceSystem> {
  const { world, clock, faults = NO_FAULTS, speed = 1 } = options;
  const saved = asObject(options.saved);
  const now = () => clock.now().getTime() + faults.clockSkewMs;
  const org = makeOrg(now, saved && asObject(saved['org']));
  if (!saved) seed(org, world);
  const login = makeLogin(now, speed, saved && asObject(saved['login']));
  const limits = makeLimits(now, speed);
  const queries = makeQueries(org, (object) => faults.betweenPages?.(streamOf(object)));
  const bulk = makeBulk(org, speed, () => limits.spendBulk());
  const requests: RequestRecord[] = [];
  let url = '';

  const route = (request: SystemRequest): SystemAnswer => {
    const [, version = '', rest = ''] = /^\/services\/data\/v(\d+\.0)(\/.*)?$/.exec(request.path) ?? [];
    if (request.path.replace(/\/$/, '') === '/services/data')
      return {
        status: 200,
        body: VERSIONS.map((one) => ({ label: `v${one}`, url: `/services/data/v${one}`, version: one })),
      };
    if (!VERSIONS.includes(version)) throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist');
    if (!login.isSession(request.headers['authorization']))
      throw new ApiError(401, 'INVALID_SESSION_ID', 'Session expired or invalid');
    if (!limits.spend()) throw new ApiError(403, 'REQUEST_LIMIT_EXCEEDED', 'TotalRequests Limit exceeded.');
    const base = `/services/data/v${version}`;
    const [area = '', ...parts] = rest.split('/').slice(1).map(decodeURIComponent);
    switch (area) {
      case 'limits':
        return parts.length === 0 ? { status: 200, body: limits.body() } : recordCounts(org, request);
      case 'query':
      case 'queryAll':
        return parts[0] ? queries.more(parts[0], base) : queries.query(request, base, area === 'queryAll');
      case 'sobjects':
        return sobjects(request, parts, base);
      case 'composite':
        if (parts[0] === 'sobjects') return collection(org, request, parts.slice(1));
        break;
      case 'jobs':
        if (parts[0] === 'query') return bulk.answer(request, `/${parts.slice(1).join('/')}`, version);
        break;
    }
    throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist');
  };

  const sobjects = (request: SystemRequest, parts: readonly string[], base: string): SystemAnswer => {
    if (parts.length === 0) return { status: 200, body: describeGlobal(base) };
    const [name = '', what] = parts;
    const object = objectNamed(name);
    if (!object) throw new ApiError(404, 'NOT_FOUND', 'The requested resource does not exist');
    if (what === 'describe') return { status: 200, body: describeObject(object, base) };
    if (what === 'deleted') return deletedSince(org, object, request);
    if (what === 'updated') return updatedSince(org, object, request);
    return singleRecord(org, request, parts, base);
  };

  const answer = (request: SystemRequest): SystemAnswer => {
    if (request.fault) return faulty(request.fault);
    const ofLogin = login.answer(request, url);
    if (ofLogin) return ofLogin;
    try {
      return route(request);
    } catch (error) {
      if (error instanceof ApiError) return answerTo(error);
      if (error instanceof SyntaxError) return answerTo(new ApiError(400, 'JSON_PARSER_ERROR', error.message));
      throw error;
    }
  };

  const server = await serve(
    (request) => {
      const given = answer(request);
      requests.push({ method: request.method, path: request.path, status: given.status, cost: 1, at: clock.now() });
      if (requests.length > MOST_REQUESTS) requests.shift();
      return {
        ...given,
        headers: {
          ...given.headers,
          date: new Date(now()).toUTCString(),
          'sforce-limit-info': `api-usage=${limits.used}/${limits.most}`,
        },
      };
    },
    { clock, faults, ...(options.port === undefined ? {} : { port: options.port }) },
  );
  url = server.url;
  const { clientId, clientSecret } = CREDENTIALS;
  return {
    name: 'salesforce',
    url,
    settings: {
      connector: 'salesforce',
      instanceUrl: url,
      auth: { kind: 'client_credentials', clientId, clientSecret },
      externalIdField: 'Tributary_Id__c',
    },
    streams: Object.keys(OBJECT_OF),
    act: async (action: SandboxAction) => act(org, action),
    change: async (change: Change) => changeRecord(org, onOwnClock(change, faults.clockSkewMs)),
    truth: (stream) => markers(org, stream),
    marker: markerIn,
    requests,
    save: () => ({ org: org.save(), login: login.save() }),
    close: () => server.close(),
    org,
    revoke: () => login.revoke(),
    trust: (publicKey) => login.trust(publicKey),
  };
}

function faulty(fault: NonNullable<SystemRequest['fault']>): SystemAnswer {
  switch (fault.kind) {
    case 'limited':
      return {
        ...answerTo(
          new ApiError(503, 'REQUEST_LIMIT_EXCEEDED', 'ConcurrentRequests (Concurrent API Requests) Limit exceeded.'),
        ),
        headers: { 'retry-after': String(Math.ceil(fault.retryAfterMs / 1000)) },
      };
    case 'unavailable':
      return answerTo(
        new ApiError(
          fault.status,
          fault.status === 500 ? 'UNKNOWN_EXCEPTION' : 'SERVER_UNAVAILABLE',
          'An unexpected error occurred.',
        ),
      );
    case 'expired':
      return answerTo(new ApiError(401, 'INVALID_SESSION_ID', 'Session expired or invalid'));
    case 'html':
      return {
        status: fault.status,
        headers: { 'content-type': 'text/html; charset=UTF-8' },
        body: '<html><body>Down for maintenance</body></html>',
      };
  }
}

function recordCounts(org: Org, request: SystemRequest): SystemAnswer {
  const objects = (request.query.get('sObjects') ?? '')
    .split(',')
    .map(objectNamed)
    .filter((one) => one !== null);
  const counted = objects.map((object: SfObject) => ({ count: org.rows(object).length, name: object.name }));
  return { status: 200, body: { sObjects: counted } };
}

const streamOf = (object: string): string =>
  Object.entries(OBJECT_OF).find(([, name]) => name === object)?.[0] ?? object;

function asObject(value: Json | undefined): JsonObject | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
}
