/** The org answers in the shapes that real ones were recorded with. `VENDOR_DATA=<folder>`: also against the recordings themselves. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import salesforce from '../../connectors/salesforce/index.ts';
import type { JsonObject } from '../../src/connector/index.ts';
import { openSalesforce, type SalesforceSystem } from '../../src/sandbox/salesforce/index.ts';
import { CREDENTIALS } from '../../src/sandbox/salesforce/login.ts';
import { OBJECTS, type SfObject } from '../../src/sandbox/salesforce/objects.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { makeTestClock } from '../support/clock.ts';

const VENDOR_DATA = process.env['VENDOR_DATA'];
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
const ID = expect.stringMatching(/^[A-Za-z0-9]{18}$/);

const clock = makeTestClock('2026-11-21T12:00:00Z');
let org: SalesforceSystem;
let token = '';

beforeAll(async () => {
  org = await openSalesforce({ world: makeWorld(), clock });
  token = (await login({ grant_type: 'client_credentials', client_secret: CREDENTIALS.clientSecret })).body[
    'access_token'
  ];
});
afterAll(() => org.close());

async function login(fields: Record<string, string>) {
  const body = new URLSearchParams({ client_id: CREDENTIALS.clientId, ...fields });
  const response = await fetch(`${org.url}/services/oauth2/token`, { method: 'POST', body });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

async function call(path: string, options: { method?: string; body?: JsonObject; token?: string } = {}) {
  const response = await fetch(`${org.url}/services/data/v65.0${path}`, {
    method: options.method ?? 'GET',
    headers: { authorization: `Bearer ${options.token ?? token}`, 'content-type': 'application/json' },
    ...(options.body ? { body: JSON.stringify(options.body) } : {}),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
  return { status: response.status, headers: response.headers, text, body: isJson ? JSON.parse(text) : null };
}

const query = (soql: string, all = false) => call(`/${all ? 'queryAll' : 'query'}?q=${encodeURIComponent(soql)}`);

describe('queries', () => {
  test('give records with their type and address, and parents inside', async () => {
    const { status, body, headers } = await query(
      'SELECT Id, IsDeleted, CreatedDate, Account.Name FROM Contact LIMIT 1',
    );
    const url = expect.stringMatching(/^\/services\/data\/v65\.0\/sobjects\/\w+\/\w{18}$/);
    expect([status, body]).toEqual([
      200,
      {
        ...{ totalSize: 1, done: true },
        records: [
          {
            attributes: { type: 'Contact', url },
            ...{ Id: ID, IsDeleted: false, CreatedDate: TIME },
            Account: { attributes: { type: 'Account', url }, Name: 'Berger Reisen' },
          },
        ],
      },
    ]);
    expect(headers.get('sforce-limit-info')).toMatch(/^api-usage=\d+\/100000$/);
  });

  test('compare texts without case, ids in both forms, and times', async () => {
    const [first = ''] = org.truth('leads').keys();
    for (const where of [
      "Email = 'ANNA.BERGER0@example.com'",
      `Id = '${first.slice(0, 15)}'`,
      `Id IN ('${first}', '00Q000000000000')`,
      `SystemModstamp >= 2026-11-20T09:00:00+01:00 AND Id <= '${first}'`,
      "(NOT LastName = 'X') AND Email LIKE 'anna.b%0@%'",
    ]) {
      const { body } = await query(`SELECT Id FROM Lead WHERE ${where} LIMIT 1`);
      expect(body).toMatchObject({ totalSize: 1, records: [{ Id: first }] });
    }
  });

  test.each([
    [
      'SELECT COUNT() FROM XYZZY',
      'INVALID_TYPE',
      "\nSELECT COUNT() FROM XYZZY\n                    ^\nERROR at Row:1:Column:21\nsObject type 'XYZZY' is not supported.",
    ],
    ['SELECT Foo FROM Lead', 'INVALID_FIELD', "No such column 'Foo' on entity 'Lead'"],
    ['SELECT Nobody.Name FROM Lead', 'INVALID_FIELD', "Didn't understand relationship 'Nobody'"],
    ['SELECT Id FROM Lead WHERE', 'MALFORMED_QUERY', 'unexpected token'],
    ["SELECT Id FROM Lead WHERE Name = 'O'Neil'", 'MALFORMED_QUERY', 'unexpected token'],
    ["SELECT Id FROM Lead WHERE Name = 'a\\'", 'MALFORMED_QUERY', 'unexpected token'],
    ["SELECT Id FROM Lead WHERE Name = 'a' OR Name = 'b' AND Id = null", 'MALFORMED_QUERY', "unexpected token: 'AND'"],
    [
      "SELECT Id FROM Lead WHERE SystemModstamp > '2026-11-20T08:00:00Z'",
      'INVALID_FIELD',
      'must be of type dateTime and should not be enclosed in quotes',
    ],
    ["SELECT Id FROM Lead WHERE Id = 'nonsense'", 'INVALID_QUERY_FILTER_OPERATOR', 'invalid ID field: nonsense'],
    ['SELECT Id FROM Lead LIMIT many', 'MALFORMED_QUERY', "unexpected token: 'many'"],
  ])('refuse %j with %s', async (soql, errorCode, message) => {
    const { status, body } = await query(soql);
    expect([status, body]).toEqual([400, [{ errorCode, message: expect.stringContaining(message) }]]);
  });

  test('show the recycle bin to queryAll alone', async () => {
    const id = org.org.create(lead(), { LastName: 'Bin', Company: 'Bin' });
    org.org.remove(lead(), id);
    expect((await query(`SELECT Id FROM Lead WHERE Id = '${id}'`)).body.totalSize).toBe(0);
    expect((await query(`SELECT Id, IsDeleted FROM Lead WHERE Id = '${id}'`, true)).body.records).toMatchObject([
      { IsDeleted: true },
    ]);
  });

  test('of many rows go on by a locator', async () => {
    for (let at = 0; at < 2100; at++) org.org.create(lead(), { LastName: `L${at}`, Company: 'Many' });
    const first = await query("SELECT Id FROM Lead WHERE Company = 'Many'");
    expect(first.body).toMatchObject({
      totalSize: 2100,
      done: false,
      nextRecordsUrl: expect.stringMatching(/\/query\/01g\w+-2000$/),
    });
    const next = await call(first.body.nextRecordsUrl.replace('/services/data/v65.0', ''));
    expect(next.body).toMatchObject({ totalSize: 2100, done: true, records: { length: 100 } });
    expect((await call('/query/01gnothing-2000')).body).toEqual([
      { errorCode: 'INVALID_QUERY_LOCATOR', message: 'invalid query locator' },
    ]);
  });
});

describe('errors', () => {
  test('are lists of codes and messages', async () => {
    expect(await call('/limits', { token: 'old' })).toMatchObject({
      status: 401,
      body: [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }],
    });
    const missing = [{ errorCode: 'NOT_FOUND', message: 'The requested resource does not exist' }];
    expect(await call('/sobjects/Nothing/describe')).toMatchObject({ status: 404, body: missing });
    expect(await call('/sobjects/Lead/Rid__c/1', { method: 'PATCH', body: {} })).toMatchObject({
      status: 404,
      body: [
        { message: 'Provided external ID field does not exist or is not accessible: Rid__c', errorCode: 'NOT_FOUND' },
      ],
    });
  });
});

describe('replication', () => {
  test('lists deletes with their times, and how far the log is known', async () => {
    const id = org.org.create(lead(), { LastName: 'Log', Company: 'Log' }, { at: new Date('2026-11-21T11:00:00Z') });
    org.org.remove(lead(), id, { isHard: true, at: new Date('2026-11-21T11:30:00Z'), visibleAt: clock.now() });
    const span = 'start=2026-11-21T11:00:30%2B00:00&end=2026-11-21T11:45:59%2B00:00';
    expect((await call(`/sobjects/Lead/deleted/?${span}`)).body).toEqual({
      deletedRecords: [{ id, deletedDate: '2026-11-21T11:30:00.000+0000' }],
      ...{ earliestDateAvailable: TIME, latestDateCovered: '2026-11-21T11:45:00.000+0000' },
    });
    expect((await call(`/sobjects/Lead/updated/?${span}`)).body).toEqual({
      ids: [],
      latestDateCovered: '2026-11-21T11:45:00.000+0000',
    });
    const old = 'start=2026-11-01T00:00:00%2B00:00&end=2026-11-21T00:00:00%2B00:00';
    expect((await call(`/sobjects/Lead/deleted/?${old}`)).body).toMatchObject([
      { errorCode: 'INVALID_REPLICATION_DATE' },
    ]);
  });
});

describe('bulk queries', () => {
  test('are made, worked on, read by locator, and removed', async () => {
    const made = await call('/jobs/query', {
      method: 'POST',
      body: { operation: 'query', query: 'SELECT Id, IsActive, CreatedDate, DisplayUrl FROM Product2' },
    });
    expect(made.body).toMatchObject({
      ...{ id: expect.stringMatching(/^750/), operation: 'query', object: 'Product2', state: 'UploadComplete' },
      ...{
        concurrencyMode: 'Parallel',
        contentType: 'CSV',
        apiVersion: 65,
        lineEnding: 'LF',
        columnDelimiter: 'COMMA',
      },
    });
    const path = `/jobs/query/${made.body.id}`;
    expect((await call(`${path}/results`)).status).toBe(400);
    await clock.advance(5000);
    expect((await call(path)).body).toMatchObject({ state: 'JobComplete', numberRecordsProcessed: 44 });
    const first = await call(`${path}/results?maxRecords=40`);
    expect(first.headers.get('sforce-numberofrecords')).toBe('40');
    expect(first.text.split('\n').slice(0, 2)).toEqual([
      '"Id","IsActive","CreatedDate","DisplayUrl"',
      expect.stringMatching(/^"\w{18}","true","2026-11-20T08:00:00.000Z",""$/),
    ]);
    const second = await call(
      `${path}/results?maxRecords=40&locator=${encodeURIComponent(first.headers.get('sforce-locator') ?? '')}`,
    );
    expect([second.headers.get('sforce-numberofrecords'), second.headers.get('sforce-locator')]).toEqual(['4', 'null']);
    expect(second.text.startsWith('"Id"')).toBe(true);
    expect((await call(path, { method: 'DELETE' })).status).toBe(204);
    expect((await call(path)).status).toBe(404);
  });
});

describe('tokens', () => {
  test('come for every grant, and are refused in words', async () => {
    expect(
      await login({
        grant_type: 'password',
        username: CREDENTIALS.username,
        password: CREDENTIALS.password,
        client_secret: CREDENTIALS.clientSecret,
      }),
    ).toMatchObject({
      status: 200,
      body: {
        access_token: expect.any(String),
        instance_url: org.url,
        id: expect.stringMatching(/\/id\/00D\w+\/005\w+$/),
        token_type: 'Bearer',
        issued_at: expect.stringMatching(/^\d+$/),
        signature: expect.any(String),
      },
    });
    expect(await login({ grant_type: 'password', username: CREDENTIALS.username, password: 'wrong' })).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'authentication failure' },
    });
    expect(await login({ grant_type: 'refresh_token', refresh_token: 'old' })).toEqual({
      status: 400,
      body: { error: 'invalid_grant', error_description: 'expired access/refresh token' },
    });
  });

  test('come for the code of a web login, to who began it alone', async () => {
    const redirectUri = 'http://localhost:3000/oauth/callback';
    const settings = salesforce.config.parse({
      instanceUrl: org.url,
      auth: { kind: 'oauth', clientId: CREDENTIALS.clientId },
    });
    const codeVerifier = 'a-verifier-of-forty-three-characters-or-more-';
    const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url');
    const code = async () => {
      const at = salesforce.oauth?.authorizeUrl(settings, { redirectUri, state: 'state-1', codeChallenge }) ?? '';
      const back = new URL((await fetch(at, { redirect: 'manual' })).headers.get('location') ?? '');
      expect([back.origin + back.pathname, back.searchParams.get('state')]).toEqual([redirectUri, 'state-1']);
      return back.searchParams.get('code') ?? '';
    };
    const signal = new AbortController().signal;
    const grant = { redirectUri, codeVerifier, query: {}, clock, signal };
    const issued = await salesforce.oauth?.exchange(settings, { ...grant, code: await code() });
    expect(issued).toEqual({ accessToken: expect.any(String), refreshToken: expect.any(String), expiresAt: null });
    const refreshed = await salesforce.issueToken?.(settings, {
      refreshToken: issued?.refreshToken ?? null,
      clock,
      signal,
    });
    expect(refreshed).toMatchObject({ accessToken: expect.any(String), refreshToken: issued?.refreshToken });
    expect((await call('/limits', { token: refreshed?.accessToken ?? '' })).status).toBe(200);
    const stolen = { ...grant, code: await code(), codeVerifier: 'another-verifier-of-forty-three-characters-x' };
    await expect(salesforce.oauth?.exchange(settings, stolen)).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
    });
    await expect(salesforce.issueToken?.(settings, { refreshToken: null, clock, signal })).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_CREDENTIALS',
      remedy: expect.stringContaining('connections authorize'),
    });
  });

  test('come for a signed assertion and for a password, by the connector', async () => {
    const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
    org.trust(keys.publicKey.export({ type: 'spki', format: 'pem' }).toString());
    const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { clientId, clientSecret, username, password } = CREDENTIALS;
    const grant = { refreshToken: null, clock, signal: new AbortController().signal };
    for (const auth of [
      { kind: 'jwt', clientId, username, privateKey },
      { kind: 'password', clientId, clientSecret, username, password },
      { kind: 'client_credentials', clientId, clientSecret },
    ]) {
      const issued = await salesforce.issueToken?.(salesforce.config.parse({ instanceUrl: org.url, auth }), grant);
      expect((await call('/limits', { token: issued?.accessToken ?? '' })).status).toBe(200);
    }
  });

  test('end after two hours', async () => {
    const { body } = await login({ grant_type: 'client_credentials', client_secret: CREDENTIALS.clientSecret });
    expect((await call('/limits', { token: body.access_token })).status).toBe(200);
    await clock.advance(2 * 3_600_000);
    expect((await call('/limits', { token: body.access_token })).status).toBe(401);
    token = (await login({ grant_type: 'client_credentials', client_secret: CREDENTIALS.clientSecret })).body
      .access_token;
  });
});

test('a day has so many calls, and more by speed', async () => {
  await using small = await closing(openSalesforce({ world: makeWorld(), clock, speed: 1 / 20_000 }));
  const { connector: _name, ...settings } = small.settings;
  const config = salesforce.config.parse(settings);
  const issued = await salesforce.issueToken?.(config, {
    refreshToken: null,
    clock,
    signal: new AbortController().signal,
  });
  const ask = () =>
    fetch(`${small.url}/services/data/v65.0/limits`, { headers: { authorization: `Bearer ${issued?.accessToken}` } });
  const answers = [];
  for (let at = 0; at < 7; at++) answers.push(await ask());
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 403, 403]);
  expect(await answers.at(-1)?.json()).toEqual([
    { message: 'TotalRequests Limit exceeded.', errorCode: 'REQUEST_LIMIT_EXCEEDED' },
  ]);
});

test('what people do in it shows, and is there after a restart', async () => {
  const first = await openSalesforce({ world: makeWorld(), clock });
  await first.act({ kind: 'buy', sku: 'anna.berger0@example.com', quantity: 3 });
  await first.act({ kind: 'edit', sku: 'jonas.ozturk1@example.com' });
  await first.act({ kind: 'delete', sku: String(first.org.rows(lead())[2]?.values['Email']) });
  await expect(first.act({ kind: 'edit', sku: 'nobody@example.com' })).rejects.toThrow(
    /nobody@example.com; there are 23/,
  );
  const saved = JSON.parse(JSON.stringify(first.save()));
  await first.close();
  await using again = await closing(openSalesforce({ world: makeWorld(), clock, saved }));
  expect(again.truth('leads').size).toBe(23);
  expect(again.truth('opportunities').size).toBe(9);
  expect(again.org.rows(lead())[1]?.values).toMatchObject({ Status: 'Closed - Not Converted', SystemModstamp: TIME });
  expect(again.org.create(lead(), { LastName: 'New', Company: 'New' })).not.toBe(undefined);
});

/** Of a description: what our fields must agree in with the recorded ones. */
const AGREED = ['type', 'length', 'createable', 'updateable', 'nillable'] as const;

describe('descriptions', () => {
  it('name fields with type and length', async () => {
    const { body } = await call('/sobjects/Lead/describe');
    expect(body).toMatchObject({
      name: 'Lead',
      keyPrefix: '00Q',
      queryable: true,
      replicateable: true,
      mergeable: true,
    });
    const field = (name: string) => body.fields.find((one: { name: string }) => one.name === name);
    expect(field('Company')).toMatchObject({
      type: 'string',
      length: 255,
      nillable: false,
      createable: true,
      calculated: false,
    });
    expect(field('SystemModstamp')).toMatchObject({ type: 'datetime', createable: false, soapType: 'xsd:dateTime' });
    expect(field('Tributary_Id__c')).toMatchObject({ custom: true, externalId: true, unique: true });
  });

  it.runIf(VENDOR_DATA).each(['Lead', 'Contact', 'Account', 'Opportunity'])(
    'of %s agree with the recorded one',
    async (name) => {
      const recorded = JSON.parse(readFileSync(join(VENDOR_DATA ?? '', 'salesforce/describe', `${name}.json`), 'utf8'));
      const { body } = await call(`/sobjects/${name}/describe`);
      const { fields: ours, urls: _urls, ...facts } = body;
      const { fields: theirs, ...theirFacts } = recorded;
      const lists = ['actionOverrides', 'childRelationships', 'namedLayoutInfos', 'recordTypeInfos', 'supportedScopes'];
      for (const key of Object.keys(facts)) expect(theirFacts, key).toHaveProperty(key);
      const plain = Object.fromEntries(Object.entries(facts).filter(([key]) => !lists.includes(key)));
      expect(theirFacts).toMatchObject(plain);
      const byName = new Map(theirs.map((field: { name: string }) => [field.name, field]));
      for (const field of ours) {
        if (field.name.endsWith('__c')) continue;
        const like = byName.get(field.name) as JsonObject | undefined;
        expect(like, field.name).toBeDefined();
        for (const key of Object.keys(field)) expect(like, `${field.name} ${key}`).toHaveProperty(key);
        const pick = (from: JsonObject) => Object.fromEntries(AGREED.map((key) => [key, from[key]]));
        expect({ name: field.name, ...pick(field) }).toEqual({ name: field.name, ...pick(like ?? {}) });
        expect(like?.['referenceTo']).toEqual(expect.arrayContaining(field.referenceTo));
      }
    },
  );
});

function lead(): SfObject {
  const found = OBJECTS.get('Lead');
  if (!found) throw new RangeError('there is no object Lead');
  return found;
}

async function closing(opening: Promise<SalesforceSystem>): Promise<SalesforceSystem & AsyncDisposable> {
  const opened = await opening;
  return Object.assign(opened, { [Symbol.asyncDispose]: () => opened.close() });
}
