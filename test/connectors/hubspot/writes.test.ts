import { describe, expect, test } from 'vitest';
import connector from '../../../connectors/hubspot/index.ts';
import { COMPANY_LINK } from '../../../connectors/hubspot/writes.ts';
import { find, type HubSpotAccount, intentOf, openTestAccount, write } from './account.ts';

const contactWith = ({ hubspot }: HubSpotAccount, email: string) =>
  hubspot.portal.all('contacts').filter(({ properties }) => properties['email'] === email);
const firstOf = ({ hubspot }: HubSpotAccount, kind: 'contacts' | 'companies', at = 0): string =>
  hubspot.portal.all(kind)[at]?.id ?? '';
const calls = ({ hubspot }: HubSpotAccount, path: string): number =>
  hubspot.requests.filter((request) => request.path.endsWith(path)).length;

describe('writing contacts', () => {
  test('tells by input what became of it when HubSpot does a part of the batch', async () => {
    await using account = await openTestAccount();
    const [taken] = account.hubspot.portal.all('contacts');
    const outcomes = await write(account, [
      intentOf('contacts', 'create', { email: 'one@example.com', firstname: 'One' }),
      intentOf('contacts', 'create', { email: taken?.properties['email'] ?? '' }),
      intentOf('contacts', 'create', { email: 'two@example.com', hs_lead_status: 'NONSENSE' }),
      intentOf('contacts', 'create', { email: 'three@example.com' }),
    ]);
    expect(outcomes).toMatchObject([
      { state: 'ok', stored: { email: 'one@example.com', firstname: 'One' } },
      { state: 'rejected', code: 'CONFLICT', retry: 'terminal', existingId: taken?.id },
      { state: 'rejected', code: 'VALIDATION_ERROR', fields: ['hs_lead_status'] },
      { state: 'ok', stored: { email: 'three@example.com' } },
    ]);
    expect(JSON.stringify(outcomes)).not.toContain('NONSENSE');
    expect(calls(account, '/contacts/batch/create')).toBe(1);
    expect(contactWith(account, 'one@example.com').map(({ id }) => id)).toEqual([
      outcomes[0]?.state === 'ok' ? outcomes[0].id : '',
    ]);
  });

  test('finds the one at fault when HubSpot refuses the whole batch', async () => {
    await using account = await openTestAccount();
    const emails = Array.from({ length: 9 }, (_, at) => (at === 6 ? 'nobody' : `upsert${at}@example.com`));
    const outcomes = await write(
      account,
      emails.map((email) => intentOf('contacts', 'upsert', { email, lastname: 'Lee' })),
    );
    expect(outcomes.map(({ state }) => state)).toEqual(emails.map((email) => (email === 'nobody' ? 'rejected' : 'ok')));
    expect(outcomes[6]).toMatchObject({ fields: ['email'], retry: 'terminal' });
    for (const email of emails) expect(contactWith(account, email)).toHaveLength(email === 'nobody' ? 0 : 1);
  });

  test('sends a hundred at most, and no record twice in one batch', async () => {
    await using account = await openTestAccount();
    const many = Array.from({ length: 230 }, (_, at) =>
      intentOf('contacts', 'upsert', { email: `many${at}@example.com` }),
    );
    const again = intentOf('contacts', 'upsert', { email: 'MANY7@example.com ', firstname: 'Last' });
    const outcomes = await write(account, [...many, again]);
    expect(outcomes.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(calls(account, '/contacts/batch/upsert')).toBe(4);
    expect(contactWith(account, 'many7@example.com')).toMatchObject([{ properties: { firstname: 'Last' } }]);
  });

  test('clears with null, and leaves alone what it does not name', async () => {
    await using account = await openTestAccount();
    const id = firstOf(account, 'contacts');
    const before = account.hubspot.portal.get('contacts', id)?.properties ?? {};
    const [outcome] = await write(account, [intentOf('contacts', 'update', { phone: null, city: 'Köln' }, id)]);
    expect(outcome).toMatchObject({ state: 'ok', id, stored: { phone: null, city: 'Köln' } });
    const { phone: _phone, ...rest } = before;
    expect(account.hubspot.portal.get('contacts', id)?.properties).toEqual({ ...rest, city: 'Köln' });
  });

  test('knows what it cleared, whether it comes back as an empty text or as nothing', () => {
    for (const phone of ['', null])
      expect(connector.writable?.('contacts', { id: '1', properties: { phone, city: 'Köln' } })).toMatchObject([
        { id: '1', values: { phone: null, city: 'Köln' } },
      ]);
  });

  test('calls it unknown when the answer is lost, and finds out later whether it was carried out', async () => {
    await using account = await openTestAccount();
    const done = intentOf('contacts', 'upsert', { email: 'lost@example.com', firstname: 'Lost' });
    account.faults.push({ kind: 'cut' });
    expect(await write(account, [done])).toMatchObject([{ state: 'unknown' }]);
    expect(await find(account, done)).toMatchObject({
      state: 'ok',
      id: contactWith(account, 'lost@example.com')[0]?.id,
    });
    const notDone = intentOf('contacts', 'upsert', { email: 'never@example.com', firstname: 'Never' });
    account.faults.push({ kind: 'unavailable', status: 502 });
    expect(await write(account, [notDone])).toMatchObject([{ state: 'unknown' }]);
    expect(await find(account, notDone)).toBeNull();
    account.faults.push({ kind: 'html', status: 200 });
    expect(await write(account, [notDone])).toMatchObject([{ state: 'unknown' }]);
  });

  test('says that a change is not carried out as long as the record says something else', async () => {
    await using account = await openTestAccount();
    const intent = intentOf('contacts', 'update', { firstname: 'Other', phone: null }, firstOf(account, 'contacts'));
    expect(await find(account, intent)).toBeNull();
    await write(account, [intent]);
    expect(await find(account, intent)).toMatchObject({ state: 'ok', id: intent.id });
  });

  test('keeps what was done before a limit, and throws where nothing was', async () => {
    await using account = await openTestAccount();
    account.faults.push({ kind: 'limited', retryAfterMs: 1000 });
    const early = write(account, [intentOf('contacts', 'upsert', { email: 'a@example.com' })]);
    await expect(early).rejects.toMatchObject({ code: 'ERR_CONNECTOR_LIMITED' });
    const source = await account.open();
    const writing = source.write?.(
      Array.from({ length: 150 }, (_, at) => intentOf('contacts', 'upsert', { email: `b${at}@example.com` })),
    );
    const nextCall = account.hubspot.requests.length;
    account.faults.push({ kind: 'slow', ms: 1 }, { kind: 'limited', retryAfterMs: 1000 });
    const outcomes = (await writing) ?? [];
    expect(account.hubspot.requests.length - nextCall).toBe(2);
    expect(outcomes.slice(0, 100).filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(outcomes.slice(100).every((one) => one.state === 'rejected' && one.retry === 'transient')).toBe(true);
    await source.close();
  });

  test('links, changes and clears the company of a contact', async () => {
    await using account = await openTestAccount();
    const [id, company] = [firstOf(account, 'contacts'), firstOf(account, 'companies', 5)];
    const linked = () =>
      account.hubspot.portal.linked(['contacts', id], 'companies').find(([, types]) => types.includes(1))?.[0];
    const set = intentOf('contacts', 'update', { [COMPANY_LINK]: company }, id);
    expect(await write(account, [set])).toMatchObject([{ state: 'ok', stored: { [COMPANY_LINK]: company } }]);
    expect(linked()).toBe(company);
    expect(await find(account, set)).toMatchObject({ state: 'ok', id });
    const wrong = intentOf('contacts', 'update', { [COMPANY_LINK]: '5' }, id);
    expect(await write(account, [wrong])).toMatchObject([
      { state: 'rejected', fields: [COMPANY_LINK], existingId: id, retry: 'terminal' },
    ]);
    const clear = intentOf('contacts', 'update', { [COMPANY_LINK]: null }, id);
    expect(await write(account, [clear])).toMatchObject([{ state: 'ok', stored: { [COMPANY_LINK]: null } }]);
    expect(account.hubspot.portal.linked(['contacts', id], 'companies')).toEqual([]);
  });

  test('deletes into the recycle bin, and does not mind what is gone', async () => {
    await using account = await openTestAccount();
    const id = firstOf(account, 'contacts');
    const intent = intentOf('contacts', 'delete', {}, id);
    expect(await write(account, [intent])).toMatchObject([{ state: 'ok', id }]);
    expect(await write(account, [intent])).toMatchObject([{ state: 'ok', id }]);
    expect(await find(account, intent)).toMatchObject({ state: 'ok', id });
    expect(account.hubspot.portal.get('contacts', id)?.archivedAt).not.toBeNull();
  });
});

describe('writing companies', () => {
  test('finds a lost create by what it says, when the index knows of it', async () => {
    await using account = await openTestAccount();
    const intent = intentOf('companies', 'create', { name: 'Übergang GmbH', domain: 'uebergang.example.com' });
    account.faults.push({ kind: 'cut' });
    expect(await write(account, [intent])).toMatchObject([{ state: 'unknown' }]);
    const made = account.hubspot.portal.all('companies').at(-1);
    expect(await find(account, intent)).toBeNull();
    await account.clock.advance(60_000);
    expect(await find(account, intent)).toMatchObject({ state: 'ok', id: made?.id });
  });

  test('upserts by the unique property that the settings name', async () => {
    await using account = await openTestAccount();
    const settings = { ...account.settings, uniqueProperties: { companies: 'external_key' } };
    const source = await account.open({ settings });
    const intent = intentOf('companies', 'upsert', { external_key: 'K1', name: 'One' });
    const [first] = (await source.write?.([intent])) ?? [];
    const [second] = (await source.write?.([{ ...intent, values: { external_key: 'K1', name: 'Two' } }])) ?? [];
    expect(first).toMatchObject({ state: 'ok' });
    expect(second).toMatchObject({ state: 'ok', id: first?.state === 'ok' ? first.id : '', stored: { name: 'Two' } });
    await source.close();
  });
});

describe('writing campaigns', () => {
  test('makes one, finds it by its name, and changes it', async () => {
    await using account = await openTestAccount();
    const intent = intentOf('campaigns', 'upsert', { hs_name: 'Frühling', hs_start_date: '2027-03-01' });
    const [made] = await write(account, [intent]);
    const [again] = await write(account, [{ ...intent, values: { hs_name: 'Frühling', hs_start_date: null } }]);
    expect(made).toMatchObject({ state: 'ok', stored: { hs_start_date: '2027-03-01' } });
    expect(again).toMatchObject({
      state: 'ok',
      id: made?.state === 'ok' ? made.id : '',
      stored: { hs_start_date: null },
    });
    const [taken] = await write(account, [{ ...intent, action: 'create' }]);
    expect(taken).toMatchObject({ state: 'rejected', existingId: made?.state === 'ok' ? made.id : '' });
  });

  test('never guesses which of two with one name is meant', async () => {
    await using account = await openTestAccount();
    for (const note of ['a', 'b']) account.hubspot.marketing.addCampaign({ hs_name: 'Twin', hs_notes: note });
    const [outcome] = await write(account, [intentOf('campaigns', 'upsert', { hs_name: 'Twin', hs_notes: 'c' })]);
    expect(outcome).toMatchObject({ state: 'rejected', code: 'MULTIPLE_CHOICES', retry: 'terminal' });
  });
});
