import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildApi } from '../../src/api/app.ts';
import { createKey, SCOPES } from '../../src/api/keys.ts';
import { type App, openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { leadDesk } from '../../src/lead-desk.ts';
import { silentLog } from '../../src/observe/log.ts';
import { sql } from '../../src/store/store.ts';
import { makePlace } from '../cli/support.ts';
import { tenantId } from '../inventory/shop.ts';

const LEAD = {
  source: 'website_form',
  contact: { email: 'John.Doe@company.example', first_name: 'John', last_name: 'Doe', company: 'Tech Corp' },
  qualification: { lead_score: 85, pain_points: ['automation'] },
};

describe('/api/v1/leads', async () => {
  const place = await makePlace();
  let app: App;
  let api: Awaited<ReturnType<typeof buildApi>>;
  let key = '';
  const ask = (method: 'GET' | 'POST', url: string, payload?: object) =>
    api.inject({ method, url, headers: { 'x-api-key': key }, ...(payload ? { payload } : {}) });

  beforeAll(async () => {
    app = await openApp(loadConfig({ dir: place.dir, env: {} }), { log: silentLog });
    api = await buildApi({ ...app, tenant: app.streams.tenant, leads: leadDesk(app) });
    ({ key } = await createKey(app.store, app.clock, { tenant: app.config.tenant, name: 'test', scopes: SCOPES }));
  });
  afterAll(async () => {
    await api.close();
    await app.close();
    await place[Symbol.asyncDispose]();
  });

  it('keeps a lead at once and answers it by its id', async () => {
    const made = await ask('POST', '/api/v1/leads', LEAD);
    expect(made.statusCode).toBe(201);
    expect(made.json()).toMatchObject({
      lead_id: expect.stringMatching(/^lead_/),
      status: 'captured',
      crm_sync: { status: 'pending', crm_id: null },
      next_actions: ['assign_to_sales_rep', 'trigger_nurture_sequence', 'schedule_follow_up'],
    });
    const one = await ask('GET', `/api/v1/leads/${made.json().lead_id}`);
    expect(one.json()).toMatchObject({
      email: 'john.doe@company.example',
      company: { name: 'Tech Corp' },
      lead_score: 85,
      status: 'captured',
    });
    const listed = await ask('GET', '/api/v1/leads?email=JOHN.DOE@company.example');
    expect(listed.json()).toMatchObject({ data: [{ lead_id: made.json().lead_id }], pagination: { total_items: 1 } });
  });

  it('takes the same address for the same lead, and what is not named for no opinion', async () => {
    const first = await ask('POST', '/api/v1/leads', { contact: { email: 'ann@example.com', phone: '+49 30 1' } });
    const second = await ask('POST', '/api/v1/leads', { contact: { email: 'ANN@example.com', title: 'CEO' } });
    expect(second.json().lead_id).toBe(first.json().lead_id);
    const one = (await ask('GET', `/api/v1/leads/${first.json().lead_id}`)).json();
    expect(one).toMatchObject({ phone: '+49 30 1', title: 'CEO' });
  });

  it('accounts for each call as a run that balances, also when many come at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => ask('POST', '/api/v1/leads', { contact: { email: `p${at}@example.com` } })),
    );
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array.from({ length: 20 }, () => 201));
    expect(new Set(answers.map((answer) => answer.json().lead_id)).size).toBe(20);
    const runs = await app.store.rows<{ state: string; read: number; outcomes: number }>(
      sql`select state, read, created + updated + unchanged + skipped + dead_lettered as outcomes from run where trigger = 'api'`,
    );
    expect(runs.length).toBe(23);
    for (const run of runs) expect(run).toEqual({ state: 'succeeded', read: 1, outcomes: 1 });
  });

  it('names every field that is wrong, and keeps nothing of it', async () => {
    const answer = await ask('POST', '/api/v1/leads', {
      contact: { email: 'nobody' },
      qualification: { lead_score: 'high' },
      colour: 'red',
    });
    expect(answer.statusCode).toBe(400);
    const { error } = answer.json();
    expect(error.details.problems.map((one: { field: string }) => one.field).sort()).toEqual([
      'colour',
      'contact.email',
      'qualification.lead_score',
    ]);
    expect(error).toMatchObject({ code: 'VALIDATION_ERROR', request_id: answer.headers['x-request-id'] });
    expect(Date.parse(error.timestamp)).not.toBeNaN();
    const one = await ask('POST', '/api/v1/leads', {
      contact: { email: 'x@example.com' },
      qualification: { lead_score: 'high' },
    });
    expect(one.json().error.details).toMatchObject({
      field: 'qualification.lead_score',
      issue: 'must be a whole number',
      expected: 'number',
      received: 'string',
    });
    expect((await ask('GET', '/api/v1/leads?email=nobody@x.example')).json().data).toEqual([]);
  });

  it('says in words what each field must be', async () => {
    const issues = async (body: object) => {
      const { problems } = (await ask('POST', '/api/v1/leads', body)).json().error.details;
      return problems.map((one: { field: string; issue: string }) => `${one.field} ${one.issue}`);
    };
    expect(await issues({})).toEqual(['contact must be given']);
    expect(await issues({ contact: { first_name: 5 }, company: 'Acme' })).toEqual([
      'contact.email must be given',
      'contact.first_name must be text',
      'company must be an object',
    ]);
    const contact = { email: 'x@example.com' };
    expect(await issues({ contact, qualification: { pain_points: 'all' } })).toEqual([
      'qualification.pain_points must be a list',
    ]);
    const many = Array.from({ length: 101 }, () => 'x');
    expect(await issues({ contact, qualification: { pain_points: many } })).toEqual([
      'qualification.pain_points must have at most 100 entries',
    ]);
    const twice = await ask('GET', '/api/v1/leads?email=a@example.com&email=b@example.com');
    expect(twice.json().error.details.issue).toBe('must be given once');
  });

  it('lists those of a campaign, and goes on behind the last whatever comes in meanwhile', async () => {
    const capture = (email: string) =>
      ask('POST', '/api/v1/leads', { campaign_id: 'summer', contact: { email }, source: 'cursor' });
    for (const number of [1, 2, 3]) await capture(`c${number}@example.com`);
    const list = async (query: string) => (await ask('GET', `/api/v1/leads?campaign_id=summer&limit=2${query}`)).json();
    const emails = (page: { data: { email: string }[] }) => page.data.map(({ email }) => email);
    const first = await list('');
    expect(emails(first)).toEqual(['c3@example.com', 'c2@example.com']);
    expect(first.pagination).toMatchObject({ total_items: 3, has_more: true });
    await capture('c4@example.com');
    const rest = await list(`&cursor=${first.pagination.next_cursor}`);
    expect(emails(rest)).toEqual(['c1@example.com']);
    expect(rest.pagination).toEqual({ limit: 2, next_cursor: null, has_more: false });
    for (const query of ['&cursor=nonsense', `&cursor=${first.pagination.next_cursor}&page=2`])
      expect((await ask('GET', `/api/v1/leads?limit=2${query}`)).statusCode).toBe(400);
    expect((await ask('GET', '/api/v1/leads?campaign_id=winter')).json().data).toEqual([]);
  });

  it('takes no lead in for another tenant, whose key this store knows too', async () => {
    await tenantId(app.store, 'globex');
    const { key: foreign } = await createKey(app.store, app.clock, { tenant: 'globex', name: 'test', scopes: SCOPES });
    const headers = { 'x-api-key': foreign };
    const payload = { contact: { email: 'wall@example.com' } };
    const refused = await api.inject({ method: 'POST', url: '/api/v1/leads', headers, payload });
    expect([refused.statusCode, refused.json().error.code]).toEqual([403, 'AUTHORIZATION_ERROR']);
    expect((await ask('GET', '/api/v1/leads?email=wall@example.com')).json().data).toEqual([]);
  });

  it('knows no lead that is not there, and no caller without the scope', async () => {
    const gone = await ask('GET', '/api/v1/leads/lead_zzzzzzzzzzz');
    expect([gone.statusCode, gone.json().error.code, gone.json().error.details]).toEqual([404, 'NOT_FOUND', {}]);
    const { key: reader } = await createKey(app.store, app.clock, {
      tenant: app.config.tenant,
      name: 'reader',
      scopes: ['read:leads'],
    });
    const refused = await api.inject({
      method: 'POST',
      url: '/api/v1/leads',
      headers: { 'x-api-key': reader },
      payload: LEAD,
    });
    expect(refused.statusCode).toBe(403);
  });
});
