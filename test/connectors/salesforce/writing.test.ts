/** Writing into an org: one outcome for each intent, nothing twice, nothing lost without a word. */
import { describe, expect, test } from 'vitest';
import salesforce from '../../../connectors/salesforce/index.ts';
import type { JsonObject, WriteIntent } from '../../../src/connector/index.ts';
import { changed, objectOf, read, recordsOf, type Wire, type Wired, wired } from './support.ts';

const LEAD = objectOf('Lead');
let number = 0;

function intent(values: JsonObject, more: Partial<WriteIntent> = {}): WriteIntent {
  number += 1;
  return {
    ...{ stream: 'leads', action: 'upsert', idempotencyKey: `intent-${number}`, id: null, expected: null },
    ...{ values, ...more },
  };
}

const lead = (name: string, more: JsonObject = {}): JsonObject => ({
  ...{ ExternalId: `lead_${name}`, Email: `${name}@example.com`, LastName: name, Company: 'Pots' },
  ...more,
});

const leadsOf = ({ system }: Wired, name: string): JsonObject[] =>
  system.org
    .rows(LEAD)
    .filter(({ values }) => values['Email'] === `${name}@example.com`)
    .map(({ values }) => values);

const isCollection = (url: string): boolean => url.includes('/composite/sobjects');

describe('a create', () => {
  test('goes by our external id, and tells id, version and what was kept', async () => {
    await using org = await wired();
    const [outcome] =
      (await org.source.write?.([intent(lead('Ann', { AnnualRevenue: '1250.50', Phone: null }))])) ?? [];
    const [kept] = leadsOf(org, 'ann');
    expect(outcome).toMatchObject({
      state: 'ok',
      id: kept?.['Id'],
      version: Date.parse('2026-11-21T12:00:00Z'),
      stored: { Email: 'ann@example.com', LastName: 'Ann', Phone: null, AnnualRevenue: 1250.5 },
    });
    expect(kept).toMatchObject({ Tributary_Id__c: 'lead_Ann' });
    expect(org.calls.filter(isCollection)).toEqual([
      'PATCH /services/data/v65.0/composite/sobjects/Lead/Tributary_Id__c',
    ]);
  });

  test('keeps an external id whole, whatever is in it', async () => {
    await using org = await wired();
    const odd = "A/B 1#2?x'\\";
    await org.source.write?.([intent(lead('odd', { ExternalId: odd }))]);
    const again = await org.source.write?.([intent(lead('odd', { ExternalId: odd, LastName: 'Later' }))]);
    expect(again).toMatchObject([{ state: 'ok' }]);
    expect(leadsOf(org, 'odd')).toMatchObject([{ Tributary_Id__c: odd, LastName: 'Later' }]);
  });

  test('that was answered by nobody is found again, and is not made twice', async () => {
    await using org = await wired();
    await org.source.check();
    const wanted = intent(lead('lost'), { action: 'create' });
    expect(await org.source.find?.(wanted)).toBeNull();
    // The two lookups before it are answered; the create is carried out and its answer cut.
    org.faults.push({ kind: 'slow', ms: 1 }, { kind: 'slow', ms: 1 }, { kind: 'cut' });
    expect(await org.source.write?.([wanted])).toEqual([
      { state: 'unknown', message: 'The answer of the org was lost.' },
    ]);
    const [kept] = leadsOf(org, 'lost');
    expect(await org.source.find?.(wanted)).toMatchObject({ state: 'ok', id: kept?.['Id'] });
    expect(await org.source.write?.([wanted])).toMatchObject([{ state: 'ok', id: kept?.['Id'] }]);
    expect(leadsOf(org, 'lost')).toHaveLength(1);
  });

  test('that failed on the way is not found, and can be tried again', async () => {
    await using org = await wired();
    await org.source.check();
    const wanted = intent(lead('failed'));
    org.faults.push({ kind: 'slow', ms: 1 }, { kind: 'slow', ms: 1 }, { kind: 'unavailable', status: 503 });
    expect(await org.source.write?.([wanted])).toMatchObject([{ state: 'unknown' }]);
    expect(await org.source.find?.(wanted)).toBeNull();
    expect(await org.source.write?.([wanted])).toMatchObject([{ state: 'ok' }]);
  });

  test('names the record that stands in the way', async () => {
    await using org = await wired();
    const id = org.system.org.create(LEAD, { LastName: 'There', Company: 'Pots', Email: 'there@example.com' });
    expect(await org.source.write?.([intent(lead('There'), { action: 'create' })])).toMatchObject([
      { state: 'rejected', code: 'DUPLICATES_DETECTED', retry: 'terminal', existingId: id },
    ]);
  });

  test('without a field for our id goes out as a create, once', async () => {
    await using org = await wired({ settings: { externalIdField: undefined } as unknown as JsonObject });
    expect(await org.source.write?.([intent(lead('plain'))])).toMatchObject([{ state: 'ok' }]);
    expect(await org.source.write?.([intent(lead('plain'))])).toMatchObject([{ state: 'ok' }]);
    expect(leadsOf(org, 'plain')).toHaveLength(1);
    expect(org.calls.filter(isCollection)).toEqual([
      'POST /services/data/v65.0/composite/sobjects',
      'PATCH /services/data/v65.0/composite/sobjects',
    ]);
  });
});

describe('an upsert', () => {
  test('takes the lead with that address, and gives it our id', async () => {
    await using org = await wired();
    const id = org.system.org.create(LEAD, { LastName: "O'Neil\\", Company: 'Pots', Email: "o'neil@example.com" });
    const outcomes = await org.source.write?.([intent(lead('x', { Email: "O'Neil@Example.com", LastName: 'Neil' }))]);
    expect(outcomes).toMatchObject([{ state: 'ok', id }]);
    expect(leadsOf(org, "o'neil")).toMatchObject([{ LastName: 'Neil', Tributary_Id__c: 'lead_x' }]);
  });

  test('does not guess between several', async () => {
    await using org = await wired();
    for (const at of [1, 2])
      org.system.org.create(LEAD, { LastName: `T${at}`, Company: 'Pots', Email: 'two@example.com' });
    expect(await org.source.write?.([intent(lead('two'))])).toMatchObject([
      { state: 'rejected', code: 'MULTIPLE_CHOICES', retry: 'terminal' },
    ]);
  });

  test('of the same record twice in one call goes out in order', async () => {
    await using org = await wired();
    const outcomes = await org.source.write?.([
      intent(lead('same', { Title: 'first' })),
      intent(lead('same', { Title: 'second' })),
    ]);
    expect(outcomes).toMatchObject([{ state: 'ok' }, { state: 'ok' }]);
    expect(leadsOf(org, 'same')).toMatchObject([{ Title: 'second' }]);
  });
});

describe('a batch', () => {
  test('tells of each record what became of it', async () => {
    await using org = await wired();
    const outcomes = await org.source.write?.([
      intent(lead('good')),
      intent({ ...lead('short'), Company: null }),
      intent(lead('long', { LastName: 'x'.repeat(81) })),
      intent(lead('mail', { Email: 'nobody' })),
      intent(lead('fine')),
      intent({ LastName: 'nowhere' }, { action: 'update', id: '00Q5g0000009999EAA' }),
      intent({}, { action: 'delete' }),
    ]);
    expect(
      outcomes?.map((outcome) => (outcome.state === 'rejected' ? [outcome.code, outcome.fields] : outcome.state)),
    ).toEqual([
      'ok',
      ['REQUIRED_FIELD_MISSING', ['Company']],
      ['STRING_TOO_LONG', ['LastName']],
      ['INVALID_EMAIL_ADDRESS', ['Email']],
      'ok',
      ['NOT_FOUND', []],
      ['MISSING_ARGUMENT', ['Id']],
    ]);
    // The org's own messages quote what was sent.
    expect(JSON.stringify(outcomes)).not.toContain('nobody');
    expect(JSON.stringify(outcomes)).not.toContain('xxxx');
  });

  test('that is refused as a whole is cut down to the record at fault', async () => {
    await using org = await wired();
    const intents = Array.from({ length: 9 }, (_, at) => intent(lead(`b${at}`, at === 5 ? { Nonsense__c: 'x' } : {})));
    const outcomes = await org.source.write?.(intents);
    expect(outcomes?.map(({ state }) => state)).toEqual(intents.map((_, at) => (at === 5 ? 'rejected' : 'ok')));
    expect(outcomes?.[5]).toMatchObject({ code: 'INVALID_FIELD', retry: 'terminal' });
  });

  test('has 200 records at most', async () => {
    await using org = await wired();
    const outcomes = await org.source.write?.(Array.from({ length: 450 }, (_, at) => intent(lead(`m${at}`))));
    expect(outcomes?.filter(({ state }) => state === 'ok')).toHaveLength(450);
    expect(org.calls.filter(isCollection)).toHaveLength(3);
  });

  test('whose record is locked sends that one alone', async () => {
    let isLocked = true;
    const wire: Wire = async (url, init, ask) => {
      if (!isCollection(url) || !isLocked) return ask();
      isLocked = false;
      const { records } = JSON.parse(String(init?.body));
      const answer = await ask();
      return changed(answer, (text) => {
        const results = JSON.parse(text);
        results[1] = { success: false, errors: [{ statusCode: 'UNABLE_TO_LOCK_ROW', message: 'locked', fields: [] }] };
        expect(records).toHaveLength(3);
        return JSON.stringify(results);
      });
    };
    await using org = await wired({ wire });
    const outcomes = await org.source.write?.(['a', 'b', 'c'].map((name) => intent(lead(name))));
    expect(outcomes?.map(({ state }) => state)).toEqual(['ok', 'ok', 'ok']);
    expect(org.calls.filter(isCollection)).toHaveLength(2);
  });

  test('still locked alone is to be tried later', async () => {
    const wire: Wire = async (url, _init, ask) =>
      isCollection(url)
        ? Response.json([
            { success: false, errors: [{ statusCode: 'UNABLE_TO_LOCK_ROW', message: 'locked', fields: [] }] },
          ])
        : ask();
    await using org = await wired({ wire });
    expect(await org.source.write?.([intent(lead('a'))])).toMatchObject([
      { state: 'rejected', code: 'UNABLE_TO_LOCK_ROW', retry: 'transient' },
    ]);
  });

  test('that a duplicate rule stops names the duplicate', async () => {
    const duplicateResult = { matchResults: [{ matchRecords: [{ record: { Id: '00Q5g000000000A' } }] }] };
    const wire: Wire = async (url, _init, ask) =>
      isCollection(url)
        ? Response.json([
            {
              success: false,
              errors: [{ statusCode: 'DUPLICATES_DETECTED', message: 'use one', fields: [], duplicateResult }],
            },
          ])
        : ask();
    await using org = await wired({ wire });
    expect(await org.source.write?.([intent(lead('a'))])).toMatchObject([
      { state: 'rejected', code: 'DUPLICATES_DETECTED', retry: 'terminal', existingId: '00Q5g000000000AEAQ' },
    ]);
  });

  test.each([
    ['of another object', [{ entityType: 'Contact', matchRecords: [{ record: { Id: '0035g000000000A' } }] }]],
    [
      'by its own type alone',
      [{ matchRecords: [{ record: { attributes: { type: 'Contact' }, Id: '0035g000000000A' } }] }],
    ],
    [
      'one of several',
      [
        {
          entityType: 'Lead',
          matchRecords: [{ record: { Id: '00Q5g000000000A' } }, { record: { Id: '00Q5g000000000B' } }],
        },
      ],
    ],
  ])('that a duplicate rule stops for a record %s takes no other record for its own', async (_what, matchResults) => {
    const refusal = {
      statusCode: 'DUPLICATES_DETECTED',
      message: 'use one',
      fields: [],
      duplicateResult: { matchResults },
    };
    const wire: Wire = async (url, _init, ask) =>
      isCollection(url) ? Response.json([{ success: false, errors: [refusal] }]) : ask();
    await using org = await wired({ wire });
    const [outcome] = (await org.source.write?.([intent(lead('a'))])) ?? [];
    expect(outcome).toMatchObject({ state: 'rejected', code: 'DUPLICATES_DETECTED', retry: 'terminal' });
    expect(outcome).not.toHaveProperty('existingId');
  });

  test('ends with an error when nothing of it was carried out, and with outcomes when something was', async () => {
    await using org = await wired();
    await org.source.check();
    const limited = { kind: 'limited', retryAfterMs: 5000 } as const;
    const pass = { kind: 'slow', ms: 1 } as const;
    org.faults.push(pass, pass, limited);
    await expect(org.source.write?.([intent(lead('a'))])).rejects.toMatchObject({ code: 'ERR_CONNECTOR_LIMITED' });
    // Four lookups each way for 201 records are answered, and the first batch of 200.
    const intents = Array.from({ length: 201 }, (_, at) => intent(lead(`l${at}`)));
    org.faults.push(...Array.from({ length: 10 }, () => pass), pass, limited);
    const outcomes = await org.source.write?.(intents);
    expect(outcomes?.filter(({ state }) => state === 'ok')).toHaveLength(200);
    expect(outcomes?.at(-1)).toMatchObject({ state: 'rejected', code: 'ERR_CONNECTOR_LIMITED', retry: 'transient' });
  });
});

describe('values', () => {
  test('null clears a field, and an absent one is left alone', async () => {
    await using org = await wired();
    const [written] = (await org.source.write?.([intent(lead('clear', { Phone: '1', Title: 'Boss' }))])) ?? [];
    const id = written?.state === 'ok' ? written.id : '';
    await org.source.write?.([intent({ Phone: null }, { action: 'update', id })]);
    expect(leadsOf(org, 'clear')).toMatchObject([{ Phone: null, Title: 'Boss', Company: 'Pots' }]);
  });

  test('that were kept are recognised in a later read', async () => {
    await using org = await wired();
    const [written] = (await org.source.write?.([intent(lead('Echo', { Website: 'https://x.example' }))])) ?? [];
    const record = recordsOf(await read(org, { stream: 'leads' })).find(({ Email }) => Email === 'echo@example.com');
    const [target] = salesforce.writable?.('leads', record ?? null) ?? [];
    expect(written).toMatchObject({ state: 'ok', id: target?.id, stored: target?.values });
  });

  test('a campaign makes the lead a member of it, once', async () => {
    await using org = await wired();
    const campaign = org.system.org.rows(objectOf('Campaign'))[3]?.id ?? '';
    const wanted = intent(lead('member', { CampaignId: campaign }));
    const [outcome] = (await org.source.write?.([wanted])) ?? [];
    const id = outcome?.state === 'ok' ? outcome.id : '';
    const members = () =>
      org.system.org.rows(objectOf('CampaignMember')).filter(({ values }) => values['LeadId'] === id);
    expect(members()).toMatchObject([{ values: { CampaignId: campaign } }]);
    expect(await org.source.write?.([wanted])).toMatchObject([{ state: 'ok', id }]);
    expect(members()).toHaveLength(1);
    expect(await org.source.find?.(wanted)).toMatchObject({ state: 'ok', id });
    org.system.org.remove(objectOf('CampaignMember'), members()[0]?.id ?? '');
    expect(await org.source.find?.(wanted)).toBeNull();
  });

  test('a campaign that is not there leaves the lead, and says so', async () => {
    await using org = await wired();
    const [outcome] = (await org.source.write?.([intent(lead('alone', { CampaignId: '7015g0000009999AAA' }))])) ?? [];
    const [kept] = leadsOf(org, 'alone');
    expect(outcome).toMatchObject({ state: 'rejected', fields: ['CampaignId'], existingId: kept?.['Id'] });
  });
});

test('a delete is carried out, and is no fault where it was already', async () => {
  await using org = await wired();
  const id = org.system.org.create(LEAD, { LastName: 'Gone', Company: 'Pots' });
  const wanted = intent({}, { action: 'delete', id });
  expect(await org.source.find?.(wanted)).toBeNull();
  expect(await org.source.write?.([wanted])).toMatchObject([{ state: 'ok', id }]);
  expect(await org.source.write?.([wanted])).toMatchObject([{ state: 'ok', id }]);
  expect(await org.source.find?.(wanted)).toMatchObject({ state: 'ok', id });
});
