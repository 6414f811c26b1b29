import { connect } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import { createKey, listKeys, revokeKey } from '../../src/api/keys.ts';
import { sandboxConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/observe/log.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { emptyStore, tenantId } from '../inventory/shop.ts';
import { makeTestClock } from '../support/clock.ts';
import { type Asking, apiOn } from './support.ts';

describe('the API', () => {
  let store: Store;
  let api: Asking & { key: string };

  beforeAll(async () => {
    store = await emptyStore();
    await tenantId(store, 'acme');
    api = await apiOn(store, 'acme', { requestsPerMinute: 4 });
  });
  beforeEach(() => api.clock.advance(180_000));
  afterAll(async () => {
    await api.app.close();
    await store.close();
  });
  const LIST = '/api/v2/inventory';

  it('takes the key as X-API-Key or as bearer token', async () => {
    expect((await api.app.inject({ url: LIST, headers: { authorization: `Bearer ${api.key}` } })).statusCode).toBe(200);
    expect((await api.app.inject({ url: LIST, headers: { authorization: 'Basic eDp5' } })).statusCode).toBe(401);
    expect((await api.app.inject({ url: LIST, headers: { 'x-api-key': 'k'.repeat(5000) } })).statusCode).toBe(401);
    expect((await api.app.inject({ url: LIST })).headers['www-authenticate']).toContain('Bearer');
  });

  it('shows a key once, keeps its hash, and refuses it from the moment it is revoked', async () => {
    const { key, facts } = await createKey(store, api.clock, {
      tenant: 'acme',
      name: 'till',
      scopes: ['read:inventory'],
    });
    expect(key).toMatch(/^mk_live_[0-9a-f]{24}$/);
    expect(JSON.stringify(await store.rows(sql`select * from api_key`))).not.toContain(key);
    expect((await listKeys(store, 'acme'))[0]).toEqual(facts);
    expect((await api.ask(LIST, { 'x-api-key': key })).statusCode).toBe(200);
    await revokeKey(store, api.clock, { tenant: 'acme', id: facts.id });
    expect((await api.ask(LIST, { 'x-api-key': key })).statusCode).toBe(401);
    await expect(revokeKey(store, api.clock, { tenant: 'other', id: facts.id })).rejects.toMatchObject({
      code: 'ERR_NOT_FOUND',
    });
  });

  it('makes test keys for the sandbox, and none with scopes nobody knows', async () => {
    expect(
      (
        await createKey(store, api.clock, {
          tenant: 'acme',
          name: 's',
          scopes: ['read:inventory'],
          environment: 'test',
        })
      ).key,
    ).toMatch(/^mk_test_/);
    await expect(
      createKey(store, api.clock, { tenant: 'acme', name: 's', scopes: ['read:everything'] }),
    ).rejects.toMatchObject({ code: 'ERR_API_VALIDATION' });
    await expect(
      createKey(store, api.clock, { tenant: 'nobody', name: 's', scopes: ['read:inventory'] }),
    ).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' });
  });

  it('asks for the scope of the route', async () => {
    const { key } = await createKey(store, api.clock, { tenant: 'acme', name: 'm', scopes: ['read:metrics'] });
    const answer = await api.ask(LIST, { 'x-api-key': key });
    expect(answer.statusCode).toBe(403);
    expect(answer.json().error).toMatchObject({
      code: 'authorization_error',
      message: 'The API key does not have the scope read:inventory.',
    });
  });

  it('echoes a request id, or makes one', async () => {
    expect((await api.ask(LIST, { 'x-request-id': 'abc-1' })).headers['x-request-id']).toBe('abc-1');
    expect((await api.ask(LIST, { 'x-request-id': 'a b\t<c>' })).headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect((await api.ask('/nowhere', { 'x-request-id': 'abc-2' })).json().error).toEqual({
      code: 'not_found',
      message: 'There is no such address.',
      details: [],
      request_id: 'abc-2',
    });
  });

  it('refuses methods, types and versions it does not have', async () => {
    const post = await api.app.inject({
      method: 'POST',
      url: '/v2/inventory',
      headers: { 'content-type': 'text/xml' },
      payload: '<a/>',
    });
    expect([post.statusCode, post.headers.allow]).toEqual([405, 'GET, HEAD']);
    expect((await api.app.inject({ method: 'DELETE', url: '/healthz' })).statusCode).toBe(405);
    expect((await api.ask(LIST, { accept: 'text/html, application/xml;q=0.9' })).statusCode).toBe(406);
    expect((await api.ask(LIST, { accept: 'text/html, */*;q=0.1' })).statusCode).toBe(200);
    expect((await api.ask(LIST, { 'x-api-version': 'v1' })).statusCode).toBe(400);
    expect((await api.app.inject({ method: 'HEAD', url: LIST, headers: { 'x-api-key': api.key } })).statusCode).toBe(
      200,
    );
  });

  it('answers what is no HTTP in its own envelope', async () => {
    await api.app.listen({ host: '127.0.0.1', port: 0 });
    const { port } = api.app.server.address() as { port: number };
    const said = await new Promise<string>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
      let text = '';
      socket.setEncoding('utf8').on('data', (part) => {
        text += part;
      });
      socket.on('end', () => resolve(text)).on('error', reject);
    });
    expect(said).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(said.split('\r\n\r\n')[1] ?? '').error.code).toBe('validation_error');
  });

  it('counts requests of a key and says when it may ask again', async () => {
    const answers = [];
    for (let count = 0; count < 5; count += 1) answers.push(await api.ask(LIST));
    expect(answers.map((answer) => [answer.statusCode, answer.headers['x-ratelimit-remaining']])).toEqual([
      [200, '3'],
      [200, '2'],
      [200, '1'],
      [200, '0'],
      [429, '0'],
    ]);
    const last = answers[4];
    expect(last?.json()).toMatchObject({
      error: { code: 'rate_limit_exceeded' },
      message: expect.any(String),
      retry_after: 60,
    });
    expect(last?.headers).toMatchObject({ 'retry-after': '60', 'x-ratelimit-limit': '4', 'x-ratelimit-window': '60' });
    await api.clock.advance(90_000);
    expect((await api.ask(LIST)).headers['x-ratelimit-remaining']).toBe('1');
  });

  it('describes itself', async () => {
    const document = (await api.app.inject({ url: '/api/v2/openapi.json' })).json();
    expect(document.openapi).toBe('3.1.0');
    expect(Object.keys(document.paths)).toEqual(['/api/v2/inventory', '/api/v2/inventory/{id}']);
    const { parameters } = document.paths['/api/v2/inventory'].get;
    expect(
      parameters.map((one: { name: string; in: string; required: boolean }) => `${one.in} ${one.name} ${one.required}`),
    ).toEqual([
      'query sku false',
      'query location false',
      'query low_stock false',
      'query page false',
      'query limit false',
    ]);
    expect(parameters[4].schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 200, default: 50 });
    expect(document.paths['/api/v2/inventory/{id}'].get.responses['404']).toBeDefined();
  });

  it('is alive, ready, and measured', async () => {
    expect((await api.app.inject({ url: '/healthz' })).json()).toEqual({ status: 'alive' });
    expect((await api.app.inject({ url: '/readyz' })).json()).toEqual({ status: 'ready', missing: [] });
    await api.ask('/api/v2/inventory/none');
    const metrics = await api.app.inject({ url: '/metrics' });
    expect(metrics.headers['content-type']).toContain('text/plain');
    expect(metrics.body).toContain('http_requests_total{method="GET",route="/api/v2/inventory/:id",status="404"} 1');
    expect(metrics.body).not.toContain('none');
  });

  it('shows its figures to this machine, or to a key', async () => {
    const from = (remoteAddress: string, headers: Record<string, string> = {}) =>
      api.app.inject({ url: '/metrics', remoteAddress, headers });
    expect((await from('10.0.0.9')).statusCode).toBe(401);
    expect((await from('127.0.0.1', { 'x-forwarded-for': '8.8.8.8' })).statusCode).toBe(401);
    expect((await from('::1')).statusCode).toBe(200);
    const { key } = await createKey(store, api.clock, { tenant: 'acme', name: 'm', scopes: ['read:metrics'] });
    expect((await from('10.0.0.9', { 'x-api-key': key })).statusCode).toBe(200);
    await tenantId(store, 'globex');
    const { key: others } = await createKey(store, api.clock, {
      tenant: 'globex',
      name: 'm',
      scopes: ['read:metrics'],
    });
    expect((await from('10.0.0.9', { 'x-api-key': others })).statusCode).toBe(403);
    expect((await api.app.inject({ url: '/readyz', remoteAddress: '10.0.0.9' })).json()).toEqual({ status: 'ready' });
  });

  it('is not ready without its queue or its migrations', async () => {
    const clock = makeTestClock();
    const app = await buildApi({
      store,
      config: sandboxConfig('/nowhere'),
      tenant: 1,
      clock,
      log: silentLog,
      checks: {
        queue: () => Promise.reject(new Error('redis://user:secret@host refused')),
        mappings: async () => 'two files are broken',
      },
    });
    const answer = await app.inject({ url: '/readyz' });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toEqual({
      status: 'not_ready',
      missing: [
        { name: 'queue', message: 'does not answer' },
        { name: 'mappings', message: 'two files are broken' },
      ],
    });
    await app.close();
  });
});
