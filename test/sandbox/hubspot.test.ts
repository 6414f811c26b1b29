/**
 * The account answers as the official client expects it to: with the codes that the client takes for success, and with bodies that
 * its models read. `VENDOR_DATA=<folder>`: also against the whole list of what the client knows.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from '@hubspot/api-client';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import type { JsonObject } from '../../src/connector/contract.ts';
import { type HubSpotSystem, openHubSpot } from '../../src/sandbox/hubspot/index.ts';
import { CREDENTIALS } from '../../src/sandbox/hubspot/login.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { makeTestClock } from '../support/clock.ts';

const VENDOR_DATA = process.env['VENDOR_DATA'];

let account: HubSpotSystem;
let client: Client;
const clock = makeTestClock('2026-11-21T12:00:00Z');

beforeAll(async () => {
  account = await openHubSpot({ world: makeWorld(), clock, speed: 1000 });
  client = new Client({ accessToken: CREDENTIALS.serviceKey, basePath: account.url, numberOfApiCallRetries: 0 });
});
afterAll(() => account.close());

type Options = { method?: string; body?: JsonObject; token?: string };

async function call(path: string, options: Options = {}) {
  const response = await fetch(account.url + path, {
    method: options.method ?? 'GET',
    headers: { authorization: `Bearer ${options.token ?? CREDENTIALS.serviceKey}`, 'content-type': 'application/json' },
    ...(options.body ? { body: JSON.stringify(options.body) } : {}),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

const idsOf = (kind: 'contacts' | 'companies' | 'deals') => account.portal.all(kind).map(({ id }) => id);

describe('the typed calls of the official client', () => {
  test('list to the end, which has no paging', async () => {
    const { results, paging } = await client.crm.contacts.basicApi.getPage(20, undefined, ['email'], undefined, [
      'companies',
    ]);
    expect(results).toHaveLength(20);
    expect(results[0]?.updatedAt).toBeInstanceOf(Date);
    expect(results[0]?.associations?.['companies']?.results.map(({ type }) => type)).toEqual([
      'contact_to_company',
      'contact_to_company_unlabeled',
    ]);
    const rest = await client.crm.contacts.basicApi.getPage(20, paging?.next?.after, ['email']);
    expect(rest.results).toHaveLength(4);
    expect(rest.paging).toBeUndefined();
    expect(rest.results[0]?.associations).toBeUndefined();
  });

  test('search, make, change, delete', async () => {
    const found = await client.crm.contacts.searchApi.doSearch({
      filterGroups: [{ filters: [{ propertyName: 'lastmodifieddate', operator: 'GTE', value: '0' } as never] }],
      ...{ sorts: ['lastmodifieddate'], properties: ['email'], limit: 3, after: '0' },
    });
    expect(found).toMatchObject({ total: 24, paging: { next: { after: '3' } } });
    const made = await client.crm.companies.basicApi.create({ properties: { name: 'Made' }, associations: [] });
    expect(made).toMatchObject({ archived: false, properties: { name: 'Made', hs_object_id: made.id } });
    await client.crm.companies.basicApi.update(made.id, { properties: { city: 'Köln' } });
    await client.crm.companies.basicApi.archive(made.id);
    await expect(client.crm.companies.basicApi.getById(made.id)).rejects.toMatchObject({ code: 404 });
    const gone = await client.crm.companies.basicApi.getById(made.id, undefined, undefined, undefined, true);
    expect(gone).toMatchObject({ archived: true, archivedAt: expect.any(Date), properties: { name: 'Made' } });
  });

  test('do a part of a batch, and say what was not done', async () => {
    const batch = await client.crm.contacts.batchApi.create({
      inputs: [
        { objectWriteTraceId: 'a', properties: { email: 'part@example.com' }, associations: [] },
        { objectWriteTraceId: 'b', properties: { email: 'nobody' }, associations: [] },
      ],
    });
    expect(batch).toMatchObject({ status: 'COMPLETE', numErrors: 1, errors: [{ category: 'VALIDATION_ERROR' }] });
    expect(batch.results).toMatchObject([{ objectWriteTraceId: 'a' }]);
    const upserted = await client.crm.contacts.batchApi.upsert({
      inputs: [
        { idProperty: 'email', id: 'part@example.com', properties: { firstname: 'P' }, objectWriteTraceId: 'c' },
      ],
    });
    expect(upserted).toMatchObject({ results: [{ _new: false, properties: { firstname: 'P' } }] });
    const read = await client.crm.contacts.batchApi.read({
      ...{
        inputs: [{ id: idsOf('contacts')[0] ?? '' }, { id: '1' }],
        properties: ['email'],
        propertiesWithHistory: [],
      },
    });
    expect(read).toMatchObject({ results: [{}], errors: [{ category: 'OBJECT_NOT_FOUND', context: { ids: ['1'] } }] });
  });

  test('link by labels and by default', async () => {
    const [contact = '', company = ''] = [idsOf('contacts')[2], idsOf('companies')[9]];
    const types = [{ associationCategory: 'HUBSPOT_DEFINED' as never, associationTypeId: 1 }];
    await client.crm.associations.v4.basicApi.create('contacts', contact, 'companies', company, types);
    await client.crm.associations.v4.basicApi.createDefault('contacts', contact, 'companies', company);
    const page = await client.crm.associations.v4.basicApi.getPage('contacts', contact, 'companies');
    expect(page.results.map(({ toObjectId }) => String(toObjectId))).toContain(company);
    const read = await client.crm.associations.v4.batchApi.getPage('contacts', 'companies', {
      inputs: [{ id: contact }, { id: '5' }],
    });
    expect(read).toMatchObject({ errors: [{ subCategory: 'crm.associations.NO_ASSOCIATIONS_FOUND' }] });
    await client.crm.associations.v4.basicApi.archive('contacts', contact, 'companies', company);
  });

  test('read properties, owners, pipelines and forms, and get tokens', async () => {
    const { results } = await client.crm.properties.coreApi.getAll('contacts');
    expect(results.find(({ name }) => name === 'email')).toMatchObject({ hasUniqueValue: true, type: 'string' });
    expect((await client.crm.owners.ownersApi.getPage()).results).toHaveLength(1);
    expect((await client.crm.pipelines.pipelinesApi.getAll('deals')).results[0]?.stages.length).toBeGreaterThan(3);
    expect((await client.marketing.forms.formsApi.getPage()).results).toHaveLength(1);
    const { clientId, clientSecret } = CREDENTIALS;
    const bad = client.oauth.tokensApi.create('refresh_token', undefined, undefined, clientId, clientSecret, 'none');
    await expect(bad).rejects.toMatchObject({ code: 400 });
  });
});

describe('what an account refuses', () => {
  test.each<[what: string, path: string, options: Options, status: number]>([
    ['more than a page holds', '/crm/v3/objects/contacts?limit=101', {}, 400],
    ['objects it does not know', '/crm/v3/objects/unicorns', {}, 400],
    ['what is not there', '/crm/v3/objects/contacts/5', {}, 404],
    ['addresses it does not have', '/crm/v1/contacts', {}, 404],
    ['a token it did not give', '/crm/v3/objects/contacts', { token: 'pat-other' }, 401],
    [
      'a second contact with one address',
      '/crm/v3/objects/contacts',
      { method: 'POST', body: { properties: { email: 'anna.berger0@example.com' } } },
      409,
    ],
    [
      'properties it does not have',
      '/crm/v3/objects/contacts',
      { method: 'POST', body: { properties: { shoe: '1' } } },
      400,
    ],
    [
      'properties that are its own',
      '/crm/v3/objects/contacts',
      { method: 'POST', body: { properties: { createdate: '1' } } },
      400,
    ],
    [
      'results past ten thousand',
      '/crm/v3/objects/contacts/search',
      { method: 'POST', body: { limit: 100, after: '9950' } },
      400,
    ],
    ['too large a page of a search', '/crm/v3/objects/contacts/search', { method: 'POST', body: { limit: 201 } }, 400],
    [
      'upserts by what is not unique',
      '/crm/v3/objects/contacts/batch/upsert',
      { method: 'POST', body: { inputs: [{ idProperty: 'city', id: 'x', properties: {} }] } },
      400,
    ],
    [
      'one record twice in a batch',
      '/crm/v3/objects/contacts/batch/update',
      {
        method: 'POST',
        body: {
          inputs: [
            { id: '1', properties: {} },
            { id: '1', properties: {} },
          ],
        },
      },
      400,
    ],
    [
      'a hundred and one inputs',
      '/crm/v3/objects/contacts/batch/archive',
      { method: 'POST', body: { inputs: Array.from({ length: 101 }, () => ({ id: '1' })) } },
      400,
    ],
    ['another app', '/webhooks/v3/5/subscriptions', {}, 401],
  ])('%s', async (_, path, options, status) => {
    const answer = await call(path, options);
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({
      status: 'error',
      message: expect.any(String),
      correlationId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test('names the contact in the way, in words', async () => {
    const [id] = idsOf('contacts');
    const { body } = await call('/crm/v3/objects/contacts', {
      method: 'POST',
      body: { properties: { email: 'ANNA.berger0@example.com' } },
    });
    expect(body.message).toBe(`Contact already exists. Existing ID: ${id}`);
  });
});

describe('time', () => {
  test('search knows of a change later than the list, and never of what is in the recycle bin', async () => {
    const slow = await openHubSpot({ world: makeWorld(), clock });
    const look = async () => {
      const token = { authorization: `Bearer ${CREDENTIALS.serviceKey}` };
      const filter = { propertyName: 'jobtitle', operator: 'EQ', value: 'fresh' };
      const body = JSON.stringify({ filterGroups: [{ filters: [filter] }] });
      const answer = await fetch(`${slow.url}/crm/v3/objects/contacts/search`, {
        method: 'POST',
        headers: token,
        body,
      });
      return ((await answer.json()) as { total: number }).total;
    };
    const id = await slow.change({ kind: 'create', stream: 'contacts', marker: 'fresh' });
    expect([slow.truth('contacts').has(id), await look()]).toEqual([true, 0]);
    await clock.advance(4000);
    expect(await look()).toBe(1);
    await slow.change({ kind: 'delete', stream: 'contacts', id });
    await clock.advance(4000);
    expect(await look()).toBe(0);
    await slow.close();
  });

  test('linking is no change; writing the same again is one', async () => {
    const [contact = '', company = ''] = [idsOf('contacts')[4], idsOf('companies')[11]];
    const before = account.portal.get('contacts', contact);
    await clock.advance(1000);
    account.portal.link(['contacts', contact], ['companies', company]);
    expect(account.portal.get('contacts', contact)?.updatedAt).toBe(before?.updatedAt);
    await call(`/crm/v3/objects/contacts/${contact}`, {
      method: 'PATCH',
      body: { properties: { city: before?.properties['city'] ?? '' } },
    });
    expect(account.portal.get('contacts', contact)?.updatedAt).toBe(clock.now().getTime());
  });
});

test('limits are told with each answer but those of searches, and come back with time', async () => {
  const plan = { perTenSeconds: 2, perDay: 4, searchesPerSecond: 1 };
  const small = await openHubSpot({ world: makeWorld(), clock, plan });
  const ask = async (path: string, method = 'GET') => {
    const headers = { authorization: `Bearer ${CREDENTIALS.serviceKey}` };
    const answer = await fetch(small.url + path, { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) });
    const body = (await answer.json()) as JsonObject;
    return [answer.status, answer.headers.get('x-hubspot-ratelimit-remaining'), body['policyName'] ?? null];
  };
  expect(await ask('/crm/v3/objects/deals')).toEqual([200, '1', null]);
  expect(await ask('/crm/v3/objects/deals')).toEqual([200, '0', null]);
  expect(await ask('/crm/v3/objects/deals')).toEqual([429, '0', 'TEN_SECONDLY_ROLLING']);
  expect(await ask('/crm/v3/objects/deals/search', 'POST')).toEqual([200, null, null]);
  expect(await ask('/crm/v3/objects/deals/search', 'POST')).toEqual([429, null, 'SECONDLY']);
  await clock.advance(10_000);
  expect(await ask('/crm/v3/objects/deals')).toEqual([200, '1', null]);
  expect(await ask('/crm/v3/objects/deals')).toEqual([429, '1', 'DAILY']);
  await small.close();
});

test('people buy, edit and leave; what they did is there after a restart', async () => {
  const first = await openHubSpot({ world: makeWorld(), clock });
  const [buyer, other] = first.portal.all('contacts').map(({ properties }) => properties['email'] ?? '');
  await first.act({ kind: 'buy', sku: buyer ?? '', quantity: 2 });
  await first.act({ kind: 'edit', sku: buyer ?? '' });
  await first.act({ kind: 'delete', sku: other ?? '' });
  await expect(first.act({ kind: 'edit', sku: 'nobody@example.com' })).rejects.toThrow(
    'such as anna.berger0@example.com',
  );
  await expect(first.act({ kind: 'restock', sku: buyer ?? '' })).rejects.toThrow('no stock');
  const saved = JSON.parse(JSON.stringify(first.save()));
  await first.close();
  const second = await openHubSpot({ world: makeWorld(), clock, saved });
  expect(second.save()).toEqual(saved);
  const deal = second.portal.all('deals').at(-1);
  expect(deal?.properties).toMatchObject({ dealstage: 'closedwon' });
  expect(
    second.portal
      .linked(['deals', deal?.id ?? ''], 'contacts')
      .map(([id]) => second.portal.get('contacts', id)?.properties),
  ).toMatchObject([{ email: buyer, lifecyclestage: 'customer', hs_lead_status: 'OPEN' }]);
  expect(second.portal.all('contacts', true)).toMatchObject([{ properties: { email: other } }]);
  await second.close();
});

type Endpoint = {
  readonly module: string;
  readonly method: string;
  readonly path: string;
  readonly okCodes: readonly string[];
};

/** Calls of the list that the account knows, with what they are sent. */
function sent(id: {
  contact: string;
  company: string;
}): readonly (readonly [method: string, path: string, real: string, body?: JsonObject])[] {
  const one = { inputs: [{ id: id.contact, properties: {} }] };
  const link = { inputs: [{ from: { id: id.contact }, to: { id: id.company }, types: [] }] };
  return [
    ['GET', '/crm/v3/objects/contacts', '/crm/v3/objects/contacts'],
    ['GET', '/crm/v3/objects/contacts/{contactId}', `/crm/v3/objects/contacts/${id.contact}`],
    ['PATCH', '/crm/v3/objects/contacts/{contactId}', `/crm/v3/objects/contacts/${id.contact}`, { properties: {} }],
    ['POST', '/crm/v3/objects/contacts', '/crm/v3/objects/contacts', { properties: {} }],
    ['POST', '/crm/v3/objects/contacts/search', '/crm/v3/objects/contacts/search', {}],
    ['POST', '/crm/v3/objects/contacts/batch/read', '/crm/v3/objects/contacts/batch/read', one],
    ['POST', '/crm/v3/objects/contacts/batch/update', '/crm/v3/objects/contacts/batch/update', one],
    [
      'POST',
      '/crm/v3/objects/contacts/batch/create',
      '/crm/v3/objects/contacts/batch/create',
      { inputs: [{ properties: {} }] },
    ],
    [
      'POST',
      '/crm/v3/objects/contacts/batch/archive',
      '/crm/v3/objects/contacts/batch/archive',
      { inputs: [{ id: '5' }] },
    ],
    ['GET', '/crm/v3/objects/products', '/crm/v3/objects/products'],
    [
      'POST',
      '/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/read',
      '/crm/v4/associations/contacts/companies/batch/read',
      one,
    ],
    [
      'POST',
      '/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/create',
      '/crm/v4/associations/contacts/companies/batch/create',
      link,
    ],
    [
      'POST',
      '/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/associate/default',
      '/crm/v4/associations/contacts/companies/batch/associate/default',
      link,
    ],
    [
      'POST',
      '/crm/v4/associations/{fromObjectType}/{toObjectType}/batch/archive',
      '/crm/v4/associations/contacts/companies/batch/archive',
      { inputs: [{ from: { id: id.contact }, to: [{ id: id.company }] }] },
    ],
    [
      'PUT',
      '/crm/v4/objects/{objectType}/{objectId}/associations/{toObjectType}/{toObjectId}',
      `/crm/v4/objects/contacts/${id.contact}/associations/companies/${id.company}`,
    ],
    [
      'PUT',
      '/crm/v4/objects/{fromObjectType}/{fromObjectId}/associations/default/{toObjectType}/{toObjectId}',
      `/crm/v4/objects/contacts/${id.contact}/associations/default/companies/${id.company}`,
    ],
    [
      'GET',
      '/crm/v4/objects/{objectType}/{objectId}/associations/{toObjectType}',
      `/crm/v4/objects/contacts/${id.contact}/associations/companies`,
    ],
    [
      'DELETE',
      '/crm/v4/objects/{objectType}/{objectId}/associations/{toObjectType}/{toObjectId}',
      `/crm/v4/objects/contacts/${id.contact}/associations/companies/${id.company}`,
    ],
    ['GET', '/crm/v3/properties/{objectType}', '/crm/v3/properties/deals'],
    ['GET', '/crm/v3/pipelines/{objectType}', '/crm/v3/pipelines/deals'],
    ['GET', '/crm/v3/owners/', '/crm/v3/owners/'],
    ['GET', '/marketing/v3/forms/', '/marketing/v3/forms/'],
    ['DELETE', '/crm/v3/objects/contacts/{contactId}', `/crm/v3/objects/contacts/${id.contact}`],
  ];
}

it.runIf(VENDOR_DATA)(
  'every call of the client that it knows is answered with a code the client takes for success',
  async () => {
    const surface: { endpoints: Endpoint[] } = JSON.parse(
      readFileSync(join(VENDOR_DATA ?? '', 'hubspot/api-client-surface.json'), 'utf8'),
    );
    const made = account.portal.create('contacts', { email: 'surface@example.com' });
    for (const [method, path, real, body] of sent({ contact: made, company: idsOf('companies')[0] ?? '' })) {
      const known = surface.endpoints.find((one) => one.method === method && one.path === path);
      expect(known, `${method} ${path} is in the list`).toBeDefined();
      const { status } = await call(real, { method, ...(body ? { body } : {}) });
      expect([path, known?.okCodes]).toEqual([path, expect.arrayContaining([String(status)])]);
    }
  },
);
