import { describe, expect, test } from 'vitest';
import type { JsonObject, Page, ReadRequest } from '../../../src/connector/contract.ts';
import { NO_FAULTS } from '../../../src/sandbox/faults.ts';
import { openHubSpot } from '../../../src/sandbox/hubspot/index.ts';
import { readPass, requestOf } from '../../conformance/account.ts';
import { type HubSpotAccount, openFast, openTestAccount } from './account.ts';

const MINUTE_MS = 60_000;

async function pagesOf(account: HubSpotAccount, request: ReadRequest, settings?: JsonObject): Promise<Page[]> {
  const source = await account.open(settings ? { settings } : {});
  try {
    return await Array.fromAsync(source.read(request));
  } finally {
    await source.close();
  }
}

async function byId(account: HubSpotAccount, stream: string, ids: readonly string[]): Promise<Page> {
  const source = await account.open();
  try {
    return await source.readIds(stream, ids);
  } finally {
    await source.close();
  }
}

const decoded = (pages: readonly Page[]): ReadonlyMap<string, JsonObject> =>
  new Map(
    pages
      .flatMap(({ records }) => records)
      .map(({ id, raw }) => [id ?? '', JSON.parse(new TextDecoder().decode(raw)) as JsonObject]),
  );
const linked = (record: JsonObject | undefined): JsonObject => (record?.['associations'] ?? {}) as JsonObject;

describe('changes by search', () => {
  test('are all found where more than 10,000 have one time', async () => {
    await using account = await openTestAccount();
    const before = await readPass(account, 'products');
    await account.clock.advance(MINUTE_MS);
    const at = account.clock.now();
    for (let no = 0; no < 10_300; no += 1)
      account.hubspot.portal.create('products', { name: `N${no}`, description: `N${no}` }, { at, visibleAt: at });
    await account.clock.advance(2 * MINUTE_MS);
    const after = await readPass(account, 'products', { cursor: before.cursor, pageSize: 500 });
    expect(after.known.size).toBeGreaterThanOrEqual(10_300);
    const searches = account.hubspot.requests.filter(({ path }) => path.endsWith('/search'));
    expect(searches.filter(({ status }) => status !== 200)).toEqual([]);
  });

  test('are all found while others change between the pages', async () => {
    const edits: (() => void)[] = [];
    await using account = await openTestAccount((options) =>
      openFast({
        ...options,
        faults: {
          onRequest: () => null,
          onWebhook: () => 'deliver',
          clockSkewMs: 0,
          betweenPages: () => edits.shift()?.(),
        },
      }),
    );
    const { portal } = account.hubspot;
    const before = await readPass(account, 'contacts');
    await account.clock.advance(MINUTE_MS);
    const ids: string[] = [];
    for (let no = 0; no < 40; no += 1) {
      await account.clock.advance(1000);
      ids.push(portal.create('contacts', { email: `c${no}@example.com`, jobtitle: `C${no}` }));
    }
    await account.clock.advance(2 * MINUTE_MS);
    // What was read already moves behind everything: what is left of a numbered list moves up, and one is jumped over.
    for (const id of ids.slice(0, 20)) edits.push(() => portal.update('contacts', id, { jobtitle: 'moved' }));
    const after = await readPass(account, 'contacts', { cursor: before.cursor, pageSize: 4 });
    for (const id of ids.slice(20)) expect(after.known.get(id)).toBe(`C${ids.indexOf(id)}`);
    edits.length = 0;
    await account.clock.advance(2 * MINUTE_MS);
    const last = await readPass(account, 'contacts', { cursor: after.cursor });
    const known = new Map([...after.known, ...last.known]);
    for (const id of ids) expect(known.get(id)).toBe(account.hubspot.truth('contacts').get(id));
  });

  test('are read up to now by who goes on with a pass that was left long ago', async () => {
    await using account = await openTestAccount();
    const before = await readPass(account, 'contacts');
    await account.clock.advance(2 * MINUTE_MS);
    const begun = await readPass(account, 'contacts', { cursor: before.cursor, most: 1 });
    await account.clock.advance(180 * MINUTE_MS);
    const id = await account.hubspot.change({ kind: 'create', stream: 'contacts', marker: 'since then' });
    await account.clock.advance(2 * MINUTE_MS);
    expect((await readPass(account, 'contacts', { cursor: begun.cursor })).known.get(id)).toBe('since then');
  });

  test('read contacts by the time that contacts have, and the others by theirs', async () => {
    await using account = await openTestAccount();
    for (const stream of ['contacts', 'deals'] as const) {
      const before = await readPass(account, stream);
      await account.clock.advance(MINUTE_MS);
      const [first = ''] = account.hubspot.truth(stream).keys();
      await account.hubspot.change({ kind: 'update', stream, id: first, marker: 'changed' });
      await account.clock.advance(20 * MINUTE_MS);
      const after = await readPass(account, stream, { cursor: before.cursor });
      expect([...after.known]).toEqual([[first, 'changed']]);
    }
  });
});

describe('deletes', () => {
  test('come as tombstones from the recycle bin, and only the new ones', async () => {
    await using account = await openTestAccount();
    const [old = '', fresh = ''] = account.hubspot.truth('deals').keys();
    await account.hubspot.change({ kind: 'delete', stream: 'deals', id: old });
    await account.clock.advance(60 * MINUTE_MS);
    const before = await readPass(account, 'deals');
    await account.clock.advance(MINUTE_MS);
    await account.hubspot.change({ kind: 'delete', stream: 'deals', id: fresh });
    await account.clock.advance(2 * MINUTE_MS);
    const after = await readPass(account, 'deals', { cursor: before.cursor });
    expect([...after.gone]).toEqual([fresh]);
  });

  test('that happened between a read that ended halfway and one that begins anew are told by the latter', async () => {
    await using account = await openTestAccount();
    const begun = await readPass(account, 'contacts', { pageSize: 10, most: 1 });
    const [known = ''] = begun.known.keys();
    await account.hubspot.change({ kind: 'delete', stream: 'contacts', id: known });
    await account.clock.advance(180 * MINUTE_MS);
    const anew = await readPass(account, 'contacts', { pageSize: 10 });
    expect([...anew.gone]).toEqual([known]);
    expect(anew.cursor).toHaveProperty('since');
  });

  test('for good are shown by absence, in a full read alone', async () => {
    await using account = await openTestAccount();
    const before = await readPass(account, 'contacts');
    const [id = ''] = account.hubspot.truth('contacts').keys();
    account.hubspot.portal.purge('contacts', id);
    await account.clock.advance(2 * MINUTE_MS);
    expect((await readPass(account, 'contacts', { cursor: before.cursor })).gone.has(id)).toBe(false);
    const full = await readPass(account, 'contacts', { mode: 'full' });
    expect(full.known.has(id)).toBe(false);
    expect(full.pages.at(-1)?.complete).toBe(true);
    expect((await byId(account, 'contacts', [id])).tombstones).toEqual([{ id, version: null }]);
  });

  test('of merged contacts name who took their place, whichever way they are read', async () => {
    await using account = await openTestAccount();
    const before = await readPass(account, 'contacts');
    const [winner = '', loser = ''] = account.hubspot.truth('contacts').keys();
    await account.clock.advance(MINUTE_MS);
    account.hubspot.portal.merge('contacts', winner, loser);
    const single = await byId(account, 'contacts', [loser]);
    expect(single.records.map(({ id }) => id)).toEqual([winner]);
    expect(single.tombstones).toMatchObject([{ id: loser, mergedInto: winner }]);
    await account.clock.advance(2 * MINUTE_MS);
    const pages = await pagesOf(account, requestOf('contacts', { cursor: before.cursor }));
    expect(pages.flatMap(({ tombstones }) => tombstones)).toMatchObject([{ id: loser, mergedInto: winner }]);
  });

  test('of merged contacts are told where who took their place was deleted before it was read', async () => {
    await using account = await openTestAccount();
    const before = await readPass(account, 'contacts');
    const [winner = '', loser = ''] = account.hubspot.truth('contacts').keys();
    await account.clock.advance(MINUTE_MS);
    account.hubspot.portal.merge('contacts', winner, loser);
    account.hubspot.portal.archive('contacts', winner);
    await account.clock.advance(2 * MINUTE_MS);
    const after = await readPass(account, 'contacts', { cursor: before.cursor });
    expect([...after.gone].sort()).toEqual([winner, loser].sort());
  });
});

/** An account whose answers are not what they should be as soon as `spoil` says so. */
async function spoiledAccount(): Promise<{ account: HubSpotAccount; spoil: (body: JsonObject) => JsonObject }> {
  const wire = { spoil: (body: JsonObject): JsonObject => body };
  const account = await openTestAccount((options) =>
    openFast({ ...options, faults: { ...NO_FAULTS, drift: (body) => wire.spoil(body as JsonObject) } }),
  );
  return Object.assign(wire, { account });
}
const isBatch = (body: JsonObject): boolean => 'startedAt' in body;
const failure = (category: string, context: JsonObject): JsonObject => ({
  status: 'error',
  category,
  message: '',
  context,
});

describe('a batch that could not be read', () => {
  test.each([
    [
      'with an error for one',
      ([one = ''], body) => ({ ...body, results: [], errors: [failure('INTERNAL_ERROR', { ids: [one] })] }),
    ],
    ['without results', (_ids, { results: _results, ...body }) => body],
  ] satisfies [string, (ids: string[], body: JsonObject) => JsonObject][])(
    'is none of deletes: %s',
    async (_how, made) => {
      const wire = await spoiledAccount();
      await using account = wire.account;
      const ids = [...account.hubspot.truth('contacts').keys()].slice(0, 2);
      wire.spoil = (body) => (isBatch(body) ? made(ids, body) : body);
      await expect(byId(account, 'contacts', ids)).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_CONNECTOR_(UNREACHABLE|PROTOCOL)$/),
      });
    },
  );

  test.each([
    ['with an error for nobody', (body) => ({ ...body, results: [], errors: [failure('INTERNAL_ERROR', {})] })],
    ['without results', ({ results: _results, ...body }) => body],
  ] satisfies [string, (body: JsonObject) => JsonObject][])(
    'leaves no object without its links: %s',
    async (_how, made) => {
      const wire = await spoiledAccount();
      await using account = wire.account;
      const { portal } = account.hubspot;
      const contact = portal.all('contacts')[0]?.id ?? '';
      portal.link(['contacts', contact], ['companies', portal.all('companies')[0]?.id ?? '']);
      let batches = 0;
      wire.spoil = (body) => (isBatch(body) && ++batches > 1 ? made(body) : body);
      await expect(byId(account, 'contacts', [contact])).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_CONNECTOR_(UNREACHABLE|PROTOCOL)$/),
      });
    },
  );
});

test('a page of somebody else passes, as an answer that is cut does', async () => {
  await using account = await openTestAccount();
  const source = await account.open();
  await source.check();
  account.faults.push({ kind: 'html', status: 200 });
  await expect(Array.fromAsync(source.read(requestOf('products')))).rejects.toMatchObject({ retry: 'transient' });
  await source.close();
});

describe('associations', () => {
  test('are the same by list, search and single read, the main one first', async () => {
    await using account = await openTestAccount();
    const { portal } = account.hubspot;
    const before = await readPass(account, 'contacts');
    const contact = portal.all('contacts')[3]?.id ?? '';
    const [, main = '', other = ''] = portal.all('companies').map(({ id }) => id);
    portal.link(['contacts', contact], ['companies', other]);
    portal.link(['contacts', contact], ['companies', main], true);
    await account.clock.advance(MINUTE_MS);
    portal.update('contacts', contact, { jobtitle: 'Chief' });
    await account.clock.advance(2 * MINUTE_MS);
    const listed = decoded(await pagesOf(account, requestOf('contacts', { mode: 'full' }))).get(contact);
    const searched = decoded(await pagesOf(account, requestOf('contacts', { cursor: before.cursor }))).get(contact);
    const single = decoded([await byId(account, 'contacts', [contact])]).get(contact);
    expect(linked(listed)['companies']).toEqual([main, ...(linked(listed)['companies'] as string[]).slice(1)]);
    expect((linked(listed)['companies'] as string[]).length).toBe(3);
    expect(searched).toEqual(listed);
    expect(single).toEqual(listed);
  });

  test('are read to their end where a list shows only a part', async () => {
    await using account = await openTestAccount();
    const { portal } = account.hubspot;
    const company = portal.all('companies')[0]?.id ?? '';
    for (let no = 0; no < 640; no += 1)
      portal.link(['companies', company], ['contacts', portal.create('contacts', { jobtitle: `L${no}` })]);
    const record = decoded(await pagesOf(account, requestOf('companies', { mode: 'full' }))).get(company);
    expect((linked(record)['contacts'] as string[]).length).toBe(
      portal.linked(['companies', company], 'contacts').length,
    );
  });

  test('that changed alone are found by a sweep', async () => {
    await using account = await openTestAccount();
    const { portal } = account.hubspot;
    const before = await readPass(account, 'contacts');
    const contact = portal.all('contacts')[0]?.id ?? '';
    const company = portal.all('companies')[7]?.id ?? '';
    await account.clock.advance(20 * MINUTE_MS);
    portal.link(['contacts', contact], ['companies', company]);
    await account.clock.advance(2 * MINUTE_MS);
    expect((await readPass(account, 'contacts', { cursor: before.cursor })).known.has(contact)).toBe(false);
    const swept = decoded(await pagesOf(account, requestOf('contacts', { mode: 'sweep' }))).get(contact);
    expect(linked(swept)['companies']).toContain(company);
  });
});

describe('properties', () => {
  test('that no object shows although the account has them make problems, not empty values', async () => {
    await using account = await openTestAccount();
    account.hubspot.portal.hide('contacts', 'phone');
    const pages = await pagesOf(account, requestOf('contacts', { mode: 'full' }));
    const problems = pages.flatMap((page) => page.problems);
    expect(pages.flatMap(({ records }) => records)).toEqual([]);
    expect(problems.map(({ id }) => id).sort()).toEqual([...account.hubspot.truth('contacts').keys()].sort());
    expect(problems[0]?.message).toContain('phone');
  });

  test('that the settings name are read, declared and described; unknown ones stop the read', async () => {
    await using account = await openTestAccount();
    const settings = (name: string) => ({ ...account.settings, properties: { contacts: [name] } });
    const [page] = await pagesOf(account, requestOf('contacts'), settings('loyalty_tier'));
    expect(JSON.parse(new TextDecoder().decode(page?.records[0]?.raw)).properties).toHaveProperty('loyalty_tier', null);
    await expect(pagesOf(account, requestOf('contacts'), settings('shoe_size'))).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_PROTOCOL',
      message: expect.stringContaining('shoe_size'),
    });
    const source = await account.open();
    const paths = ((await source.describe?.('contacts')) ?? []).map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['properties.email', 'properties.loyalty_tier']));
    expect(new Set(paths).size).toBe(paths.length);
    await source.close();
  });
});

test('the dated paths give the same as the old ones', async () => {
  await using account = await openTestAccount();
  const dated = {
    ...account.settings,
    objectsPath: '/crm/objects/2026-09',
    associationsPath: '/crm/associations/2026-09',
    propertiesPath: '/crm/properties/2026-03',
    campaignsPath: '/marketing/campaigns/2026-03',
    formsPath: '/marketing/forms/2026-03',
  };
  for (const stream of ['contacts', 'deals', 'campaigns', 'form_submissions'])
    expect(decoded(await pagesOf(account, requestOf(stream), dated))).toEqual(
      decoded(await pagesOf(account, requestOf(stream))),
    );
  expect(account.hubspot.requests.filter(({ status }) => status >= 400)).toEqual([]);
});

describe('form submissions', () => {
  test('are read back to what is known, from any page, and named the same each time', async () => {
    await using account = await openTestAccount();
    const first = await readPass(account, 'form_submissions', { pageSize: 5 });
    expect(Object.fromEntries(first.known)).toEqual(Object.fromEntries(account.hubspot.truth('form_submissions')));
    for (const most of [1, 2]) {
      const begun = await readPass(account, 'form_submissions', { pageSize: 5, most });
      const rest = await readPass(account, 'form_submissions', { pageSize: 5, cursor: begun.cursor });
      expect(new Map([...begun.known, ...rest.known])).toEqual(first.known);
    }
    await account.clock.advance(30 * MINUTE_MS);
    const id = await account.hubspot.change({ kind: 'create', stream: 'form_submissions', marker: 'fresh' });
    const calls = account.hubspot.requests.length;
    const after = await readPass(account, 'form_submissions', { cursor: first.cursor, pageSize: 5 });
    expect(after.known.get(id)).toBe('fresh');
    // The list of forms, and one page of the one form.
    expect(account.hubspot.requests.length - calls).toBe(2);
    const page = await byId(account, 'form_submissions', [id, `${id}0`]);
    expect(page.records.map((record) => record.id)).toEqual([id]);
    expect(page.tombstones.map((one) => one.id)).toEqual([`${id}0`]);
  });
});

test('campaigns promise a number, so that a pass that lost one to a delete is no proof', async () => {
  const edits: (() => void)[] = [];
  await using account = await openTestAccount((options) =>
    openFast({
      ...options,
      faults: {
        onRequest: () => null,
        onWebhook: () => 'deliver',
        clockSkewMs: 0,
        betweenPages: () => edits.shift()?.(),
      },
    }),
  );
  const [first = ''] = account.hubspot.truth('campaigns').keys();
  edits.push(() => account.hubspot.marketing.removeCampaign(first));
  const pages = await pagesOf(account, requestOf('campaigns', { mode: 'full', pageSize: 2 }));
  expect(decoded(pages).size).toBeLessThan(pages.at(-1)?.expected ?? 0);
});

test('the limits of an account are told with their end: ten seconds, a second for searches', async () => {
  await using account = await openTestAccount((options) =>
    openHubSpot({ ...options, plan: { perTenSeconds: 3, perDay: 1000, searchesPerSecond: 1 } }),
  );
  const source = await account.open();
  const failing = Array.fromAsync(source.read(requestOf('products', { pageSize: 5 })));
  await expect(failing).rejects.toMatchObject({
    code: 'ERR_CONNECTOR_LIMITED',
    notBefore: new Date(account.clock.now().getTime() + 10_000),
  });
  await account.clock.advance(10_000);
  const cursor = { phase: 'changed', from: 0, until: account.clock.now().getTime(), at: 0, past: null };
  const searching = Array.fromAsync(source.read(requestOf('products', { cursor, pageSize: 5 })));
  await expect(searching).rejects.toMatchObject({
    code: 'ERR_CONNECTOR_LIMITED',
    notBefore: new Date(account.clock.now().getTime() + 1000),
  });
  await source.close();
});
