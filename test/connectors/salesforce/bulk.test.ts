/** Large objects come out of jobs of the Bulk API, in however many pages, and are the same as by the REST API. */
import { describe, expect, test } from 'vitest';
import { parseCsv } from '../../../connectors/salesforce/csv.ts';
import { makeHasher } from '../../../src/extract/hash.ts';
import { changed, idsOf, objectOf, type Pass, read, recordsOf, type Wire, wired } from './support.ts';

const BULK = { bulkFrom: 5 };
const isResult = (url: string) => url.includes('/results');

async function headers(response: Response, change: (headers: Headers) => void): Promise<Response> {
  const answer = await changed(response, (text) => text);
  change(answer.headers);
  return answer;
}

describe('a bulk read', () => {
  test('brings every record once, with the values and hashes of the REST API', async () => {
    await using rest = await wired();
    await using bulk = await wired({ settings: BULK });
    for (const stream of ['leads', 'contacts', 'opportunities', 'campaign_members', 'products']) {
      const one = await read(rest, { stream, mode: 'full', pageSize: 7 });
      const two = await read(bulk, { stream, mode: 'full', pageSize: 7 });
      expect(recordsOf(two)).toEqual(recordsOf(one));
      expect(hashesOf(rest, two, stream)).toEqual(hashesOf(rest, one, stream));
      expect(two.pages.at(-1)).toMatchObject({ complete: true, problems: [] });
      expect(new Set(two.pages.map(({ window }) => window.id)).size).toBe(1);
    }
    expect(bulk.calls.filter((call) => call.startsWith('POST') && call.includes('/jobs/query'))).toHaveLength(5);
  });

  test('goes on behind any page, in the same job', async () => {
    await using org = await wired({ settings: BULK });
    const whole = await read(org, { stream: 'leads', mode: 'full', pageSize: 4 });
    for (let most = 1; most < whole.pages.length; most++) {
      const jobs = org.calls.filter((call) => call.startsWith('POST')).length;
      const begun = await read(org, { stream: 'leads', mode: 'full', pageSize: 4 }, most);
      const after = await read(org, { stream: 'leads', mode: 'full', pageSize: 4, cursor: begun.cursor });
      expect([...idsOf(begun), ...idsOf(after)]).toEqual(idsOf(whole));
      expect(after.pages.at(-1)?.complete).toBe(true);
      expect(org.calls.filter((call) => call.startsWith('POST')).length).toBe(jobs + 1);
    }
  });

  test('removes its job behind the commit of the last page', async () => {
    await using org = await wired({ settings: BULK });
    const { pages } = await read(org, { stream: 'leads', mode: 'full' });
    expect(org.calls.filter((call) => call.startsWith('DELETE'))).toEqual([]);
    await pages.at(-1)?.afterCommit?.();
    await pages.at(-1)?.afterCommit?.();
    expect(org.calls.filter((call) => call.startsWith('DELETE'))).toHaveLength(2);
  });

  test('waits on the schedule for a job that takes long, and finds it again', async () => {
    let looks = 0;
    const wire: Wire = async (url, init, ask) =>
      init?.method === 'GET' && /jobs\/query\/750\w+$/.test(url) && ++looks < 9
        ? changed(await ask(), (text) => text.replace('JobComplete', 'InProgress'))
        : ask();
    await using org = await wired({ settings: BULK, wire });
    const pass = await read(org, { stream: 'leads', mode: 'full' });
    expect(pass.pages.some(({ notBefore }) => notBefore !== null)).toBe(true);
    expect(idsOf(pass)).toHaveLength(24);
    expect(org.calls.filter((call) => call.startsWith('POST') && call.includes('/jobs/query'))).toHaveLength(1);
  });

  test.each(['Failed', 'Aborted', 'forgotten'])('whose job is %s goes on page by page', async (how) => {
    const wire: Wire = async (url, init, ask) => {
      if (init?.method !== 'GET' || !/jobs\/query\/750\w+$/.test(url)) return ask();
      if (how === 'forgotten') return Response.json([{ message: 'no', errorCode: 'NOT_FOUND' }], { status: 404 });
      return changed(await ask(), (text) => text.replace(/"state":"\w+"/, `"state":"${how}"`));
    };
    await using org = await wired({ settings: BULK, wire });
    const pass = await read(org, { stream: 'leads', mode: 'full', pageSize: 10 });
    expect(idsOf(pass)).toHaveLength(24);
    expect(pass.pages.at(-1)?.complete).toBe(true);
  });

  test.each([400, 404])('whose results are gone in the middle (HTTP %d) goes on page by page', async (status) => {
    const wire: Wire = (url, _init, ask) =>
      isResult(url) && url.includes('locator=')
        ? Promise.resolve(Response.json([{ errorCode: 'INVALID_QUERY_LOCATOR', message: 'expired' }], { status }))
        : ask();
    await using org = await wired({ settings: BULK, wire });
    const begun = await read(org, { stream: 'leads', pageSize: 5 }, 2);
    const pass = await read(org, { stream: 'leads', pageSize: 5, cursor: begun.cursor });
    expect(new Set(idsOf(pass)).size).toBe(24);
    const full = await read(org, { stream: 'leads', mode: 'full', pageSize: 5 });
    expect(new Set(idsOf(full)).size).toBe(24);
    expect(full.pages.at(-1)).toMatchObject({ complete: true, problems: [] });
  });

  test('of an object that the Bulk API refuses goes page by page', async () => {
    const wire: Wire = async (_url, init, ask) =>
      init?.method === 'POST' && String(init.body).includes('"operation"')
        ? Response.json([{ errorCode: 'INVALIDENTITY', message: "Entity 'Lead' is not supported by the Bulk API." }], {
            status: 400,
          })
        : ask();
    await using org = await wired({ settings: BULK, wire });
    expect(idsOf(await read(org, { stream: 'leads', mode: 'full', pageSize: 10 }))).toHaveLength(24);
  });

  test('takes no header for a record where only the first page has one', async () => {
    const wire: Wire = async (url, _init, ask) =>
      isResult(url) && url.includes('locator=')
        ? changed(await ask(), (text) => text.slice(text.indexOf('\n') + 1))
        : ask();
    await using org = await wired({ settings: BULK, wire });
    expect(new Set(idsOf(await read(org, { stream: 'leads', mode: 'full', pageSize: 5 }))).size).toBe(24);
  });

  test('ends where the locator is missing, and proves by counting that it is the end', async () => {
    const wire: Wire = async (url, _init, ask) =>
      isResult(url) ? headers(await ask(), (all) => all.delete('sforce-locator')) : ask();
    await using whole = await wired({ settings: BULK, wire });
    expect((await read(whole, { stream: 'leads', mode: 'full' })).pages.at(-1)?.complete).toBe(true);
    await using part = await wired({ settings: BULK, wire });
    await expect(read(part, { stream: 'leads', mode: 'full', pageSize: 5 })).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_UNREACHABLE',
      message: expect.stringMatching(/has 24 rows and gave 5/),
    });
  });

  test('does not turn round in a result that names itself', async () => {
    const wire: Wire = async (url, _init, ask) =>
      isResult(url) ? headers(await ask(), (all) => all.set('sforce-locator', 'NQ==')) : ask();
    await using org = await wired({ settings: BULK, wire });
    await expect(read(org, { stream: 'leads', mode: 'full', pageSize: 5 })).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_PROTOCOL',
    });
  });

  test('takes no page that has fewer rows than it promises', async () => {
    const wire: Wire = async (url, _init, ask) =>
      isResult(url) ? changed(await ask(), (text) => text.split('\n').slice(0, -2).join('\n')) : ask();
    await using org = await wired({ settings: BULK, wire });
    await expect(read(org, { stream: 'products', mode: 'full' })).rejects.toMatchObject({
      code: 'ERR_CONNECTOR_UNREACHABLE',
      message: expect.stringMatching(/promised 44 rows and has 43/),
    });
  });

  test('keeps texts with quotes, commas and line ends whole', async () => {
    await using org = await wired({ settings: BULK });
    const text = 'Say "yes",\r\nor "no"\n\n;';
    org.system.org.create(objectOf('Lead'), { LastName: 'Ünïcode "Q"', Company: 'A,B', Description: text });
    const records = recordsOf(await read(org, { stream: 'leads', mode: 'full', pageSize: 9 }));
    expect(records.at(-1)).toMatchObject({ LastName: 'Ünïcode "Q"', Company: 'A,B', Description: text });
  });
});

test.each([
  ['', []],
  ['a,b\n', [['a', 'b']]],
  [
    '"a","b"\n"",""',
    [
      ['a', 'b'],
      ['', ''],
    ],
  ],
  [
    'a,\r\n,b',
    [
      ['a', ''],
      ['', 'b'],
    ],
  ],
  ['"a""b\n",', [['a"b\n', '']]],
])('reads the rows of %j', (text, rows) => {
  expect(parseCsv(text)).toEqual(rows);
});

test('takes a value that is cut off for an answer that is', () => {
  expect(() => parseCsv('"a","b')).toThrow('ends within a value');
});

function hashesOf(
  { source }: { source: import('../../../src/connector/index.ts').Source },
  { pages }: Pass,
  stream: string,
): string[] {
  const volatilePaths = source.streams().find(({ name }) => name === stream)?.volatilePaths ?? [];
  const hasher = makeHasher({ context: {}, isJson: true, volatilePaths });
  return pages.flatMap(({ records }) =>
    records.map(({ raw }) => {
      const hash = new Uint8Array(32);
      hasher.write([raw], hash, 0);
      return Buffer.from(hash).toString('hex');
    }),
  );
}
