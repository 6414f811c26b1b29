/** What loses records at Salesforce, and does not here. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { literal } from '../../../connectors/salesforce/soql.ts';
import { parseSoql } from '../../../src/sandbox/salesforce/soql.ts';
import { changed, idsOf, objectOf, read, recordsOf, tombstonesOf, type Wire, wired } from './support.ts';

const LEAD = objectOf('Lead');
const AT = new Date('2026-11-21T12:30:00Z');
/** Behind the upper bound of the next window. */
const LATER_MS = 5 * 60_000;

describe('changes', () => {
  test('of one moment are read across pages without losing one', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'leads' });
    await org.clock.advance(AT.getTime() - org.clock.now().getTime());
    const made = Array.from({ length: 23 }, (_, at) =>
      org.system.org.create(LEAD, { LastName: `Tie ${at}`, Company: 'Ties' }, { at: AT }),
    );
    await org.clock.advance(LATER_MS);
    const pass = await read(org, { stream: 'leads', cursor, pageSize: 2 });
    expect(idsOf(pass).filter((id) => id !== null && made.includes(id))).toEqual(made);
  });

  test('whose transaction committed late are found by the overlap', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'leads' });
    const stamp = { at: org.clock.now(), visibleAt: new Date(org.clock.now().getTime() + 20 * 60_000) };
    const id = org.system.org.create(LEAD, { LastName: 'Late', Company: 'Late' }, stamp);
    await org.clock.advance(19 * 60_000);
    const between = await read(org, { stream: 'leads', cursor });
    await org.clock.advance(LATER_MS);
    const after = await read(org, { stream: 'leads', cursor: between.cursor });
    expect(idsOf(between)).not.toContain(id);
    expect(idsOf(after)).toContain(id);
  });

  test.each([-45, 45])('are found although the clock of the org is %d minutes off', async (minutes) => {
    await using org = await wired({ skewMs: minutes * 60_000 });
    let { cursor } = await read(org, { stream: 'leads' });
    const seen: (string | null)[] = [];
    const made: string[] = [];
    for (let round = 0; round < 4; round++) {
      made.push(org.system.org.create(LEAD, { LastName: `Round ${round}`, Company: 'Clock' }));
      await org.clock.advance(LATER_MS);
      const pass = await read(org, { stream: 'leads', cursor });
      seen.push(...idsOf(pass));
      cursor = pass.cursor;
    }
    expect(made.filter((id) => !seen.includes(id))).toEqual([]);
  });

  test('that a query is too slow for are read in halves of the window', async () => {
    const spans: number[] = [];
    const wire: Wire = async (url, _init, ask) => {
      const [, low = '', until = ''] =
        /SystemModstamp >=? ?(\S+?)\)? AND SystemModstamp < (\S+)/.exec(decodeURIComponent(url)) ?? [];
      const span = Date.parse(until) - Date.parse(low);
      if (!(span > 10 * 60_000)) return ask();
      spans.push(span);
      return Response.json([{ message: 'Your query request was running for too long.', errorCode: 'QUERY_TIMEOUT' }], {
        status: 400,
      });
    };
    await using org = await wired({ wire });
    const { cursor } = await read(org, { stream: 'leads' });
    const made: string[] = [];
    for (let at = 0; at < 6; at++) {
      await org.clock.advance(7 * 60_000);
      made.push(org.system.org.create(LEAD, { LastName: `Slow ${at}`, Company: 'Slow' }));
    }
    await org.clock.advance(LATER_MS);
    const pass = await read(org, { stream: 'leads', cursor, pageSize: 2 });
    expect(spans.length).toBeGreaterThan(0);
    expect(made.filter((id) => !idsOf(pass).includes(id))).toEqual([]);
  });
});

describe('deletes', () => {
  test('are told from the recycle bin, with the record that took the place of a merged one', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'leads' });
    const [winner = '', loser = '', binned = ''] = org.system.truth('leads').keys();
    await org.clock.advance(60_000);
    org.system.org.remove(LEAD, loser, { mergedInto: winner });
    org.system.org.remove(LEAD, binned);
    await org.clock.advance(LATER_MS);
    const gone = tombstonesOf(await read(org, { stream: 'leads', cursor }));
    expect(gone).toContainEqual({ id: loser, version: expect.any(Number), mergedInto: winner });
    expect(gone).toContainEqual({ id: binned, version: expect.any(Number) });
    // The delete log names the loser as well, and must not take the winner from it.
    expect(gone.filter(({ id }) => id === loser).every(({ mergedInto }) => mergedInto === winner)).toBe(true);
  });

  test('that left the recycle bin are told from the delete log', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'leads' });
    const ids = [...org.system.truth('leads').keys()].slice(0, 7);
    await org.clock.advance(60_000);
    for (const id of ids) org.system.org.remove(LEAD, id, { isHard: true });
    await org.clock.advance(LATER_MS);
    const pass = await read(org, { stream: 'leads', cursor, pageSize: 3 });
    expect(tombstonesOf(pass).map(({ id }) => id)).toEqual(ids);
    const again = await read(org, {
      stream: 'leads',
      cursor: (await read(org, { stream: 'leads', cursor, pageSize: 3 }, 2)).cursor,
      pageSize: 3,
    });
    expect(tombstonesOf(again).map(({ id }) => id)).toEqual(ids.slice(3));
  });

  test('that came while their log was half read are told by the next pass, however long it stood still', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'leads' });
    const [early = '', ...ids] = [...org.system.truth('leads').keys()].slice(0, 7);
    await org.clock.advance(60_000);
    for (const id of ids) org.system.org.remove(LEAD, id, { isHard: true });
    await org.clock.advance(LATER_MS);
    const half = await read(org, { stream: 'leads', cursor, pageSize: 3 }, 2);
    org.system.org.remove(LEAD, early, { isHard: true });
    await org.clock.advance(24 * 3_600_000);
    const rest = await read(org, { stream: 'leads', cursor: half.cursor, pageSize: 3 });
    const next = await read(org, { stream: 'leads', cursor: rest.cursor });
    expect([...tombstonesOf(rest), ...tombstonesOf(next)].map(({ id }) => id)).toContain(early);
  });

  test('that the log has lost end no pass: a full read finds them', async () => {
    const wire: Wire = (url, _init, ask) =>
      url.includes('/deleted/')
        ? Promise.resolve(
            Response.json([{ errorCode: 'INVALID_REPLICATION_DATE', message: 'too early' }], { status: 400 }),
          )
        : ask();
    await using org = await wired({ wire });
    const { cursor } = await read(org, { stream: 'leads' });
    await org.clock.advance(LATER_MS);
    const pass = await read(org, { stream: 'leads', cursor });
    expect(pass.cursor).toMatchObject({ phase: 'changes' });
    expect(tombstonesOf(pass)).toEqual([]);
  });

  test('that were taken back bring the record back', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'leads' });
    const [id = '', other = ''] = org.system.truth('leads').keys();
    await org.clock.advance(60_000);
    org.system.org.remove(LEAD, id);
    org.system.org.remove(LEAD, other);
    await org.clock.advance(LATER_MS);
    const gone = await read(org, { stream: 'leads', cursor });
    org.system.org.restore(LEAD, id);
    await org.clock.advance(LATER_MS);
    const back = await read(org, { stream: 'leads', cursor: gone.cursor });
    expect(idsOf(back)).toContain(id);
    expect(tombstonesOf(back).map(({ id: deleted }) => deleted)).not.toContain(id);
  });

  test('longer ago than the log goes back are not asked for, and a full read finds them', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'leads' });
    const [id = ''] = org.system.truth('leads').keys();
    org.system.org.remove(LEAD, id, { isHard: true });
    await org.clock.advance(20 * 86_400_000);
    expect(tombstonesOf(await read(org, { stream: 'leads', cursor }))).toEqual([]);
    const full = await read(org, { stream: 'leads', mode: 'full' });
    expect(full.pages.at(-1)?.complete).toBe(true);
    expect(idsOf(full)).not.toContain(id);
  });
});

describe('a full read', () => {
  test('follows the further addresses of an answer that is short', async () => {
    const wire: Wire = (url, init, ask) => {
      if (!url.includes('/query')) return ask();
      const headers = new Headers(init?.headers);
      headers.set('sforce-query-options', 'batchSize=200');
      return fetch(url, { ...init, headers });
    };
    await using org = await wired({ wire });
    for (let at = 0; at < 700; at++) org.system.org.create(LEAD, { LastName: `Many ${at}`, Company: 'Many' });
    const pass = await read(org, { stream: 'leads', mode: 'full', pageSize: 2000 });
    expect(org.calls.filter((call) => /query\/01g/.test(call))).toHaveLength(3);
    expect(new Set(idsOf(pass)).size).toBe(724);
    expect(pass.pages.at(-1)?.complete).toBe(true);
  });

  test('that brings less than the org counts is not complete, and says so', async () => {
    const wire: Wire = async (url, _init, ask) =>
      decodeURIComponent(url).includes('ORDER BY Id LIMIT 20') && decodeURIComponent(url).includes('Id >')
        ? changed(await ask(), (text) => {
            const body = JSON.parse(text);
            return JSON.stringify({ ...body, totalSize: body.totalSize - 1, records: body.records.slice(1) });
          })
        : ask();
    await using org = await wired({ wire });
    const pass = await read(org, { stream: 'leads', mode: 'full', pageSize: 20 });
    expect(pass.pages.at(-1)).toMatchObject({
      complete: false,
      problems: [{ message: 'the org counts 24 rows of leads made before the read began, and 23 came' }],
    });
  });

  test('does not take records made meanwhile for missing ones, and changes bring them', async () => {
    await using org = await wired();
    const begun = await read(org, { stream: 'leads', mode: 'full', pageSize: 10 }, 1);
    const id = org.system.org.create(LEAD, { LastName: 'Meanwhile', Company: 'New' });
    const [gone = ''] = org.system.truth('leads').keys();
    org.system.org.remove(LEAD, gone);
    const rest = await read(org, { stream: 'leads', mode: 'full', pageSize: 10, cursor: begun.cursor });
    expect(rest.pages.at(-1)).toMatchObject({ complete: true, problems: [], observedAt: begun.pages[0]?.observedAt });
    await org.clock.advance(LATER_MS);
    const changes = await read(org, { stream: 'leads', cursor: rest.cursor });
    expect(idsOf(changes)).toContain(id);
    expect(tombstonesOf(changes).map(({ id: deleted }) => deleted)).toContain(gone);
  });

  test('of more rows than the org counts in time is proven by the job alone', async () => {
    const wire: Wire = async (url, _init, ask) =>
      url.includes('COUNT()')
        ? Response.json([{ message: 'too long', errorCode: 'QUERY_TIMEOUT' }], { status: 400 })
        : ask();
    await using org = await wired({ wire });
    const bulk = await read(org, { stream: 'leads', mode: 'full', pageSize: 10 });
    expect(org.calls.filter((call) => call.startsWith('POST') && call.includes('/jobs/query'))).toHaveLength(1);
    expect(bulk.pages.at(-1)).toMatchObject({ complete: true, problems: [] });
  });

  test('gives a record without an id or a time as a problem with its place', async () => {
    const wire: Wire = async (url, _init, ask) =>
      url.includes('ORDER%20BY')
        ? changed(await ask(), (text) => text.replace(/"SystemModstamp":"[^"]+"/, '"SystemModstamp":null'))
        : ask();
    await using org = await wired({ wire });
    const [page] = (await read(org, { stream: 'leads', mode: 'full' })).pages;
    expect(page?.problems).toMatchObject([{ position: 1, id: expect.stringMatching(/^00Q/) }]);
    expect(page?.complete).toBe(false);
  });
});

describe('single records', () => {
  test('come by either form of their id, merged and missing ones as tombstones, however many', async () => {
    await using org = await wired();
    const made = Array.from({ length: 230 }, (_, at) =>
      org.system.org.create(LEAD, { LastName: `S${at}`, Company: 'S' }),
    );
    const [winner = '', loser = '', short = ''] = made;
    org.system.org.remove(LEAD, loser, { mergedInto: winner });
    const gone = '00Q5g00000zzzzzAAA';
    const page = await org.source.readIds('leads', [...made.slice(0, 2), short.slice(0, 15), ...made.slice(2), gone]);
    expect(page.records.map(({ id }) => id)).toEqual(made.filter((id) => id !== loser));
    expect(page.tombstones).toEqual([
      { id: loser, version: expect.any(Number), mergedInto: winner },
      { id: org.source.externalId('leads', gone), version: null },
    ]);
  });
});

describe('values', () => {
  test('keep the digits the org wrote, and times are UTC', async () => {
    const wire: Wire = async (url, _init, ask) =>
      url.includes('FROM%20Opportunity')
        ? changed(await ask(), (text) =>
            text
              .replace(/"Amount":\d+/, '"Amount":12345678901234567.89')
              .replace(/"Probability":\d+/, '"Probability":1.39E8'),
          )
        : ask();
    await using org = await wired({ wire });
    const [first] = recordsOf(await read(org, { stream: 'opportunities' }));
    expect(first).toMatchObject({
      Amount: '12345678901234567.89',
      Probability: 139000000,
      SystemModstamp: '2026-11-20T08:00:00.000Z',
    });
    expect(first).not.toHaveProperty('attributes');
  });

  test('of a parent and of formulas are seen by the sweep, which goes on where it stopped', async () => {
    await using org = await wired();
    const { cursor } = await read(org, { stream: 'contacts' });
    const account = org.system.org.rows(objectOf('Account'))[0];
    await org.clock.advance(60 * 60_000);
    org.system.org.update(objectOf('Account'), account?.id ?? '', { Name: 'Renamed' });
    await org.clock.advance(LATER_MS);
    expect(idsOf(await read(org, { stream: 'contacts', cursor }))).toEqual([]);
    const one = await read(org, { stream: 'contacts', mode: 'sweep', pageSize: 3 }, 1);
    const rest = await read(org, { stream: 'contacts', mode: 'sweep', pageSize: 3, cursor: one.cursor });
    const names = [...recordsOf(one), ...recordsOf(rest)].map((record) => record['Account']);
    expect(names).toContainEqual({ Name: 'Renamed' });
    expect(names).toHaveLength(8);
  });

  test('of custom fields come along where the settings name them', async () => {
    await using org = await wired({ settings: { objects: { Lead: { fields: ['Score__c'], without: ['Rating'] } } } });
    const [first] = recordsOf(await read(org, { stream: 'leads' }));
    expect(first).toMatchObject({ Score__c: 10 });
    expect(first).not.toHaveProperty('Rating');
    const described = await org.source.describe?.('leads');
    expect(described).toContainEqual({ path: 'Score__c', type: 'decimal', nullable: true, about: 'Score__c' });
  });

  test('that the user may not see end the read in words', async () => {
    await using org = await wired({ settings: { objects: { Lead: { fields: ['Hidden__c'] } } } });
    await expect(read(org, { stream: 'leads' })).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_PROTOCOL',
      message: 'The org does not show the field Hidden__c of Lead to this user.',
      remedy: expect.stringContaining('without: [Hidden__c]'),
    });
  });
});

test('a text in a query stays a text, whatever is in it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('\\', "'", '\n', '\r', '\t', 'a', '%', '"', ' OR ', 'é') }),
      (text) => {
        const { where } = parseSoql(`SELECT Id FROM Lead WHERE LastName = ${literal(text)}`);
        expect(where).toMatchObject({ to: { kind: 'text', value: text } });
      },
    ),
  );
});

test('tells the budget what is left, also beside figures of one app', async () => {
  const wire: Wire = async (_url, _init, ask) => {
    const answer = await changed(await ask(), (text) => text);
    answer.headers.set('sforce-limit-info', 'per-app-api-usage=17/250(appName=x); api-usage=25/5000');
    return answer;
  };
  await using org = await wired({ wire });
  await read(org, { stream: 'products' });
  expect(org.limits[0]).toEqual({ window: 'daily', limit: 5000, remaining: 4975 });
});
