import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import feed from '../../connectors/feed/index.ts';
import type { Clock } from '../../src/connector/contract.ts';
import { hashAt, readPages } from '../../src/extract/pages.ts';
import { makeTestClock } from '../support/clock.ts';
import { cursorBehind, feedBench, notesOf, problemsOf, readAll, requestOf, rowsOf, START } from './support.ts';

const HOUR = 3_600_000;
const SNAPSHOT = { files: 'stock-*.csv', kind: 'snapshot' };
const DELTA = { files: 'stock-*.csv', kind: 'delta' };
const csvOf = (...quantities: number[]) => `sku,qty\n${quantities.map((qty, at) => `S${at},${qty}\n`).join('')}`;

/** A clock whose sleeper does something to the folder meanwhile. */
function clockThat(act: () => void): Clock {
  const clock = makeTestClock(START, { isAuto: true });
  return {
    now: clock.now,
    sleep(ms, signal) {
      act();
      return clock.sleep(ms, signal);
    },
  };
}

describe('order and age', () => {
  test('files are read by name, numbers as numbers, each with its own time and window', async () => {
    using bench = feedBench();
    bench.put('stock-10.csv', csvOf(10), 1 * HOUR);
    bench.put('stock-9.csv', csvOf(9), 2 * HOUR);
    const pages = await readAll(await bench.open(SNAPSHOT));
    expect(rowsOf(pages)).toEqual([
      { sku: 'S0', qty: '9' },
      { sku: 'S0', qty: '10' },
    ]);
    expect(
      pages.map((page) => [
        page.window.id.split('#')[0],
        page.window.scope,
        page.observedAt.toISOString(),
        page.complete,
      ]),
    ).toEqual([
      ['stock-9.csv', 'stock-*.csv', '2026-11-21T10:00:00.000Z', true],
      ['stock-10.csv', 'stock-*.csv', '2026-11-21T11:00:00.000Z', true],
    ]);
  });

  test('an older snapshot that arrives late is recorded, not loaded', async () => {
    using bench = feedBench();
    bench.put('stock-20261121.csv', csvOf(2), 2 * HOUR);
    const source = await bench.open(SNAPSHOT);
    const cursor = cursorBehind(await readAll(source));
    bench.put('stock-20261120.csv', csvOf(1), 1 * HOUR);
    const late = await readAll(source, { cursor });
    expect(rowsOf(late)).toEqual([]);
    expect(notesOf(late)).toEqual([{ file: 'stock-20261120.csv', reason: 'superseded', by: 'stock-20261121.csv' }]);
    expect(await readAll(source, { cursor: cursorBehind(late) })).toEqual([]);
  });

  test('an older delta that arrives late is loaded with a time before the newer one', async () => {
    using bench = feedBench();
    bench.put('stock-2.csv', csvOf(2), 2 * HOUR);
    const source = await bench.open(DELTA);
    const first = await readAll(source);
    bench.put('stock-1.csv', csvOf(1), 1 * HOUR);
    const [late] = await readAll(source, { cursor: cursorBehind(first) });
    expect(late?.records).toHaveLength(1);
    expect(late?.observedAt.getTime()).toBeLessThan(first[0]?.observedAt.getTime() ?? 0);
  });

  test('times follow the order even where the files were copied in another one', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1), 1 * HOUR);
    bench.put('stock-2.csv', csvOf(2), 2 * HOUR);
    const [one, two] = await readAll(await bench.open(SNAPSHOT));
    expect(two?.observedAt.getTime()).toBeGreaterThan(one?.observedAt.getTime() ?? 0);
  });

  test('the time in a name orders and dates the files, in its zone', async () => {
    using bench = feedBench();
    bench.put('stock-21.11.2026.csv', csvOf(2), 5 * HOUR);
    bench.put('stock-03.12.2025.csv', csvOf(1), 1 * HOUR);
    const pages = await readAll(
      await bench.open({
        files: 'stock-{asOf}.csv',
        asOf: 'dd.MM.yyyy',
        asOfTimezone: 'Europe/Berlin',
        kind: 'snapshot',
      }),
    );
    expect(pages.map((page) => [page.observedAt.toISOString(), page.window.scope])).toEqual([
      ['2025-12-02T23:00:00.000Z', 'stock-*.csv'],
      ['2026-11-20T23:00:00.000Z', 'stock-*.csv'],
    ]);
  });

  test('a name whose date is none is a problem of that file alone', async () => {
    using bench = feedBench();
    bench.put('stock-20260231.csv', csvOf(1));
    bench.put('stock-20260228.csv', csvOf(2));
    const source = await bench.open({ files: 'stock-{asOf}.csv', asOf: 'yyyyMMdd', kind: 'snapshot' });
    for (const mode of ['incremental', 'full'] as const) {
      const pages = await readAll(source, { mode });
      expect(problemsOf(pages)).toEqual(['the date in the name stock-20260231.csv is not one of the format yyyyMMdd']);
      expect(rowsOf(pages)).toHaveLength(1);
      expect(await readAll(source, { cursor: cursorBehind(pages) })).toEqual([]);
    }
  });

  test('an as-of is never ahead of the clock', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1), -48 * HOUR);
    const [page] = await readAll(await bench.open(SNAPSHOT));
    expect(page?.observedAt.getTime()).toBeLessThanOrEqual(bench.context.clock.now().getTime());
  });

  test('full and delta files of one stream share a scope; a delta older than the full is superseded', async () => {
    using bench = feedBench();
    bench.put('full-20.csv', csvOf(1, 2), 5 * HOUR);
    bench.put('delta-a.csv', csvOf(7), 6 * HOUR);
    bench.put('delta-b.csv', csvOf(8), 4 * HOUR);
    const files = [
      { pattern: 'full-*.csv', kind: 'snapshot' },
      { pattern: 'delta-*.csv', kind: 'delta' },
    ];
    const source = await bench.open({ files });
    const pages = await readAll(source);
    expect(pages.map((page) => [page.window.id.split('#')[0], page.window.kind, page.window.scope])).toEqual([
      ['delta-a.csv', 'delta', 'full-*.csv'],
      ['full-20.csv', 'snapshot', 'full-*.csv'],
      ['delta-b.csv', 'delta', 'full-*.csv'],
    ]);
    bench.put('delta-c.csv', csvOf(9), 5.5 * HOUR);
    expect(notesOf(await readAll(source, { cursor: cursorBehind(pages) }))).toEqual([
      { file: 'delta-c.csv', reason: 'superseded', by: 'full-20.csv' },
    ]);
  });

  test('a placeholder gives one scope per location, and reaches the mapping', async () => {
    using bench = feedBench();
    bench.put('stock-berlin.csv', csvOf(1));
    bench.put('stock-paris.csv', csvOf(1));
    const pages = await readAll(await bench.open({ files: 'stock-{location}.csv', kind: 'snapshot' }));
    expect(pages.map((page) => [page.window.scope, page.context['location'], page.complete])).toEqual([
      ['stock-berlin.csv', 'berlin', true],
      ['stock-paris.csv', 'paris', true],
    ]);
  });
});

describe('repeated deliveries', () => {
  test('a row of another file is the same row, one of another place is not', async () => {
    using bench = feedBench();
    bench.put('stock-a-1.csv', csvOf(1));
    bench.put('stock-a-2.csv', csvOf(1, 2));
    bench.put('stock-b-3.csv', csvOf(1));
    const source = await bench.open({ files: 'stock-{inherits}-*.csv' });
    const [stream] = source.streams();
    if (stream === undefined) throw new RangeError('there is no stream');
    const { scratchDir } = bench.context;
    const hashes: string[] = [];
    for await (const page of readPages({ source, stream, request: requestOf(), decode: feed.decode, scratchDir }))
      hashes.push(Buffer.from(hashAt(page, 0)).toString('hex'));
    const [first, again, elsewhere] = hashes;
    expect(again).toBe(first);
    expect(elsewhere).not.toBe(first);
  });

  test('the same file is done once; touched with the same content there is nothing to do', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1), 3 * HOUR);
    const source = await bench.open(SNAPSHOT);
    const first = await readAll(source);
    expect(await readAll(source, { cursor: cursorBehind(first) })).toEqual([]);
    bench.put('stock-1.csv', csvOf(1), 2 * HOUR);
    const again = await readAll(source, { cursor: cursorBehind(first) });
    expect(notesOf(again)).toEqual([{ file: 'stock-1.csv', reason: 'same content' }]);
    expect(rowsOf(again)).toEqual([]);
  });

  test('the same content under a new name is recorded as a duplicate', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1), 3 * HOUR);
    bench.put('stock-2.csv', csvOf(1), 2 * HOUR);
    const pages = await readAll(await bench.open(SNAPSHOT));
    expect(notesOf(pages)).toEqual([{ file: 'stock-2.csv', reason: 'duplicate', of: 'stock-1.csv' }]);
    expect(pages.filter((page) => page.complete)).toHaveLength(1);
  });

  test('changed content under the old name is read again', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1), 3 * HOUR);
    const source = await bench.open(SNAPSHOT);
    const first = await readAll(source);
    bench.put('stock-1.csv', csvOf(2), 2 * HOUR);
    const second = await readAll(source, { cursor: cursorBehind(first) });
    expect(rowsOf(second)).toEqual([{ sku: 'S0', qty: '2' }]);
    expect(second[0]?.observedAt.getTime()).toBeGreaterThan(first[0]?.observedAt.getTime() ?? 0);
  });

  test('going back to earlier content is a change, not a duplicate', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1), 3 * HOUR);
    bench.put('stock-2.csv', csvOf(2), 2 * HOUR);
    bench.put('stock-3.csv', csvOf(1), 1 * HOUR);
    expect(rowsOf(await readAll(await bench.open(DELTA)))).toEqual([
      { sku: 'S0', qty: '1' },
      { sku: 'S0', qty: '2' },
      { sku: 'S0', qty: '1' },
    ]);
  });

  test('an old file that is delivered again behind a newer one is a way back, where the time orders them', async () => {
    using bench = feedBench();
    bench.put('stock-a.csv', csvOf(1), 3 * HOUR);
    bench.put('stock-b.csv', csvOf(2), 2 * HOUR);
    const source = await bench.open({ ...SNAPSHOT, order: 'modified' });
    const first = await readAll(source);
    bench.put('stock-a.csv', csvOf(1), 1 * HOUR);
    expect(rowsOf(await readAll(source, { cursor: cursorBehind(first) }))).toEqual([{ sku: 'S0', qty: '1' }]);
  });

  test('a full read gives a file the same time as before, whatever went before it', async () => {
    using bench = feedBench();
    for (const number of [1, 2, 3]) bench.put(`stock-${number}.csv`, csvOf(number), 3 * HOUR);
    const source = await bench.open(SNAPSHOT);
    const before = (await readAll(source)).at(-1);
    const [full] = await readAll(source, { mode: 'full' });
    expect([full?.window.id, full?.observedAt]).toEqual([before?.window.id, before?.observedAt]);
  });

  test('a full read takes the newest snapshot again although it is done, and nothing older', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1), 3 * HOUR);
    bench.put('stock-2.csv', csvOf(2, 2), 2 * HOUR);
    const source = await bench.open(SNAPSHOT);
    const full = await readAll(source, { mode: 'full', pageSize: 1 });
    expect(rowsOf(full)).toEqual([
      { sku: 'S0', qty: '2' },
      { sku: 'S1', qty: '2' },
    ]);
    expect(await readAll(source, { cursor: cursorBehind(full) })).toEqual([]);
    const half = await readAll(source, { mode: 'full', pageSize: 1, cursor: cursorBehind(full.slice(0, 1)) });
    expect(rowsOf(half)).toEqual([{ sku: 'S1', qty: '2' }]);
    expect(cursorBehind(half)).toEqual(cursorBehind(full));
  });

  test('the cursor stays small however many files lie there', async () => {
    using bench = feedBench();
    for (let number = 0; number < 700; number++)
      bench.put(`stock-${number}.csv`, csvOf(number), 1000 * HOUR - number * 60_000);
    const source = await bench.open(DELTA);
    const pages = await readAll(source);
    expect(rowsOf(pages)).toHaveLength(700);
    const cursor = cursorBehind(pages);
    expect(JSON.stringify(cursor).length).toBeLessThan(45_000);
    expect(await readAll(source, { cursor })).toEqual([]);
    expect((await source.check()).find((finding) => finding.subject === 'stream:stock')).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('archive'),
    });
  }, 60_000);
});

test('no file is taken for done because many of its age were', async () => {
  using bench = feedBench();
  for (let number = 0; number < 620; number++) bench.put(`stock-${number}.csv`, csvOf(number), 5 * HOUR);
  const source = await bench.open(DELTA);
  const pages = await readAll(source);
  expect(rowsOf(pages)).toHaveLength(620);
  const cursor = cursorBehind(pages);
  expect(JSON.stringify(cursor).length).toBeLessThan(45_000);
  expect(await readAll(source, { cursor })).toEqual([]);
}, 60_000);

describe('files that are not there in full', () => {
  test('a file that grows between two looks waits, is asked for again soon, and then loads', async () => {
    let grow = true;
    using bench = feedBench({
      clock: clockThat(() => grow && appendFileSync(join(bench.folder, 'stock-1.csv'), 'S1,2\n')),
    });
    bench.put('stock-1.csv', csvOf(1), 500);
    const source = await bench.open(SNAPSHOT);
    const [wait, ...others] = await readAll(source);
    expect(others).toEqual([]);
    expect(wait).toMatchObject({ records: [], next: null, complete: false });
    expect((wait?.notBefore?.getTime() ?? 0) - bench.context.clock.now().getTime()).toBeLessThanOrEqual(2000);
    grow = false;
    expect(rowsOf(await readAll(source))).toHaveLength(2);
  });

  test('a file still waited for holds back the younger ones of its scope, no others', async () => {
    using bench = feedBench({ clock: clockThat(() => appendFileSync(join(bench.folder, 'stock-a-1.csv'), 'S1,2\n')) });
    bench.put('stock-a-1.csv', csvOf(1), 500);
    bench.put('stock-a-2.csv', csvOf(2), 400);
    bench.put('stock-b-1.csv', csvOf(3), 300);
    const pages = await readAll(await bench.open({ files: 'stock-{place}-*.csv', scope: '{place}', kind: 'snapshot' }));
    expect(rowsOf(pages)).toEqual([{ sku: 'S0', qty: '3' }]);
    expect(pages.at(-1)?.notBefore).not.toBeNull();
  });

  test('a file that changes while it is hashed is left for the next look', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1));
    const source = await bench.open({ ...SNAPSHOT, settleMs: 0 });
    const reading = source.read(requestOf())[Symbol.asyncIterator]();
    const first = reading.next();
    writeFileSync(join(bench.folder, 'stock-1.csv'), csvOf(1, 2));
    const page = (await first).value;
    const loaded = page?.records.length ?? 0;
    expect([0, 2]).toContain(loaded);
    if (loaded === 0) expect(page?.notBefore).not.toBeNull();
    await reading.return?.();
  });

  test('a file replaced between two pages is not complete, and is read again as what it is now', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1, 2, 3), 3 * HOUR);
    const source = await bench.open(SNAPSHOT);
    const [first] = await readAll(source, { pageSize: 2 });
    bench.put('stock-1.csv', csvOf(7, 8), 2 * HOUR);
    const rest = await readAll(source, { pageSize: 2, cursor: cursorBehind(first ? [first] : []) });
    expect(problemsOf(rest)).toEqual(['stock-1.csv was replaced while it was being read, behind line 4']);
    expect(rest[0]?.window.id).toBe(first?.window.id);
    expect(rowsOf(rest)).toEqual([
      { sku: 'S0', qty: '7' },
      { sku: 'S1', qty: '8' },
    ]);
    expect(rest.at(-1)?.complete).toBe(true);
  });

  test('going back to what was loaded before is a change where another content was half loaded', async () => {
    using bench = feedBench();
    const source = await bench.open(SNAPSHOT);
    bench.put('stock-1.csv', csvOf(1, 2, 3), 5 * HOUR);
    const loaded = cursorBehind(await readAll(source));
    const halfRead = async () => {
      bench.put('stock-1.csv', csvOf(7, 8, 9), 3 * HOUR);
      return source.read(requestOf({ pageSize: 2, cursor: loaded }))[Symbol.asyncIterator]();
    };
    const killed = (await (await halfRead()).next()).value;
    bench.put('stock-1.csv', csvOf(1, 2, 3), 2 * HOUR);
    const back = await readAll(source, { cursor: cursorBehind([killed]) });
    expect(problemsOf(back)).toEqual(['stock-1.csv was replaced while it was being read, behind line 4']);
    expect(rowsOf(back)).toHaveLength(3);
    expect(back.at(-1)?.complete).toBe(true);

    const reading = await halfRead();
    await reading.next();
    bench.put('stock-1.csv', csvOf(1, 2, 3), 2 * HOUR);
    const changed = (await reading.next()).value;
    expect(problemsOf([changed])).toEqual(['stock-1.csv was changed or removed while it was read']);
    await reading.return?.();
    expect(rowsOf(await readAll(source, { cursor: cursorBehind([changed]) }))).toHaveLength(3);
  });

  test('a file that vanishes between two pages is told', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1, 2, 3));
    const source = await bench.open(SNAPSHOT);
    const [first] = await readAll(source, { pageSize: 2 });
    unlinkSync(join(bench.folder, 'stock-1.csv'));
    const rest = await readAll(source, { cursor: cursorBehind(first ? [first] : []) });
    expect(problemsOf(rest)).toEqual(['stock-1.csv was removed while it was being read, behind line 4']);
    expect(rest.some((page) => page.complete)).toBe(false);
  });

  test('a file that vanishes between list and read is no error', async () => {
    using bench = feedBench({ clock: clockThat(() => rmSync(join(bench.folder, 'stock-1.csv'), { force: true })) });
    bench.put('stock-1.csv', csvOf(1), 500);
    const pages = await readAll(await bench.open(SNAPSHOT));
    expect(rowsOf(pages)).toEqual([]);
    expect(problemsOf(pages)).toEqual([]);
  });

  test('temporary names are no deliveries', async () => {
    using bench = feedBench();
    for (const name of ['stock-1.csv.part', 'stock-1.csv.tmp', 'stock-1.csv.filepart', '.stock-1.csv', 'stock-1.csv~'])
      bench.put(name, csvOf(1));
    expect(await readAll(await bench.open({ files: '*', kind: 'snapshot' }))).toEqual([]);
  });

  test("with markers a file waits for its own, not for yesterday's", async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1, 2), 2 * HOUR);
    bench.put('stock-1.csv.done', '', 26 * HOUR);
    const source = await bench.open({ ...SNAPSHOT, doneMarker: '{file}.done' });
    expect((await readAll(source)).map((page) => page.notBefore !== null)).toEqual([true]);
    for (const [ageMs, laterMs] of [
      [2 * HOUR, 60_000],
      [HOUR / 10, 36_000],
      [2000, 1000],
    ] as const) {
      bench.put('stock-1.csv', csvOf(1, 2), ageMs);
      const now = bench.context.clock.now().getTime();
      const [page] = await readAll(source);
      expect((page?.notBefore?.getTime() ?? 0) - now).toBe(laterMs);
    }
    bench.put('stock-1.csv.done', '', 1000);
    expect(rowsOf(await readAll(source))).toHaveLength(2);
  });

  test('one marker may speak for all files before it; without files it does nothing', async () => {
    using bench = feedBench();
    bench.put('EOF', '', 1 * HOUR);
    const source = await bench.open({ ...SNAPSHOT, files: '*', doneMarker: 'EOF' });
    expect(await readAll(source)).toEqual([]);
    expect((await source.check()).at(-1)?.message).toContain('The marker EOF is there without its file');
    bench.put('stock-1.csv', csvOf(1), 2 * HOUR);
    expect(rowsOf(await readAll(source))).toHaveLength(1);
  });

  test('a count in the marker is held against the rows', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1, 2), 2 * HOUR);
    bench.put('stock-1.csv.done', 'rows=3\n', 1 * HOUR);
    const pages = await readAll(await bench.open({ ...SNAPSHOT, doneMarker: { name: '{file}.done', count: true } }));
    expect(problemsOf(pages)).toEqual(['stock-1.csv has 2 rows where its marker says 3; it was probably cut']);
    expect(pages.at(-1)).toMatchObject({ expected: 3, complete: false });
  });

  test('where the marker with the count is gone before the file is read to its end, nothing is proven', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1, 2), 2 * HOUR);
    bench.put('stock-1.csv.done', '2', 1 * HOUR);
    const source = await bench.open({ ...SNAPSHOT, doneMarker: { name: '{file}.done', count: true } });
    const [first] = await readAll(source, { pageSize: 1 });
    unlinkSync(join(bench.folder, 'stock-1.csv.done'));
    const rest = await readAll(source, { cursor: cursorBehind(first ? [first] : []) });
    expect(problemsOf(rest)).toEqual([
      'the marker stock-1.csv.done, which says how many rows stock-1.csv has, is gone; it may be cut',
    ]);
    expect(rest.at(-1)?.complete).toBe(false);
  });
});

describe('going on', () => {
  test('reading goes on inside a file from any page without a gap or a repetition', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(...Array.from({ length: 25 }, (_, at) => at)), 3 * HOUR);
    bench.put('stock-2.csv', csvOf(1, 2, 3), 2 * HOUR);
    const source = await bench.open(SNAPSHOT);
    const whole = await readAll(source, { pageSize: 4 });
    for (let at = 0; at < whole.length; at++) {
      const rest = await readAll(source, { pageSize: 4, cursor: cursorBehind(whole.slice(0, at + 1)) });
      expect(rowsOf(rest)).toEqual(rowsOf(whole.slice(at + 1)));
      expect(cursorBehind(rest, cursorBehind(whole.slice(0, at + 1)))).toEqual(cursorBehind(whole));
    }
  });

  test('a problem in an earlier page keeps the window incomplete after going on', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', 'sku,qty\nA\nB,2\nC,3\n');
    const source = await bench.open(SNAPSHOT);
    const [first] = await readAll(source, { pageSize: 2 });
    const rest = await readAll(source, { pageSize: 2, cursor: cursorBehind(first ? [first] : []) });
    expect(rowsOf(rest)).toEqual([{ sku: 'C', qty: '3' }]);
    expect(rest.some((page) => page.complete)).toBe(false);
  });

  test('a cursor that is not one of ours is refused', async () => {
    using bench = feedBench();
    const source = await bench.open(SNAPSHOT);
    await expect(readAll(source, { cursor: { after: 5 } })).rejects.toMatchObject({ code: 'ERR_CONNECTOR_PROTOCOL' });
  });
});

describe('archive', () => {
  test('files move after the commit, with their markers; names that are taken stay what they are', async () => {
    using bench = feedBench();
    const settings = { ...SNAPSHOT, archive: 'done', doneMarker: '{file}.ok' };
    const source = await bench.open(settings);
    const deliver = async (content: string, ageMs: number) => {
      bench.put('stock-1.csv', content, ageMs);
      bench.put('stock-1.csv.ok', '', ageMs);
      return readAll(source);
    };
    const first = await deliver(csvOf(1), 3 * HOUR);
    expect(readdirSync(bench.folder)).toEqual(['stock-1.csv', 'stock-1.csv.ok']);
    for (const page of first) await page.afterCommit?.();
    for (const page of first) await page.afterCommit?.();
    for (const page of await deliver(csvOf(2), 2 * HOUR)) await page.afterCommit?.();
    expect(readdirSync(bench.folder)).toEqual(['done']);
    const archived = readdirSync(join(bench.folder, 'done')).sort();
    expect(archived).toHaveLength(4);
    expect(archived).toContain('stock-1.csv');
    expect(statSync(join(bench.folder, 'done', 'stock-1.csv')).size).toBe(csvOf(1).length);
  });

  test('what was committed but not moved before a crash is moved by the next read', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1));
    const source = await bench.open({ ...SNAPSHOT, archive: 'done' });
    const cursor = cursorBehind(await readAll(source));
    expect(await readAll(source, { cursor })).toEqual([]);
    expect(readdirSync(bench.folder)).toEqual(['done']);
  });

  test('a file of which nothing could be read stays, for when the setting is right', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1, 2));
    const wrong = await bench.open({ ...SNAPSHOT, archive: 'done', delimiter: ';' });
    const pages = await readAll(wrong);
    expect(problemsOf(pages)).toEqual([expect.stringContaining('the header is one column only')]);
    for (const page of pages) await page.afterCommit?.();
    const cursor = cursorBehind(pages);
    expect(await readAll(wrong, { cursor })).toEqual([]);
    expect(readdirSync(bench.folder)).toEqual(['stock-1.csv']);
    bench.put('stock-1.csv', csvOf(1, 2), HOUR);
    const right = await readAll(await bench.open({ ...SNAPSHOT, archive: 'done' }), { cursor });
    expect(rowsOf(right)).toHaveLength(2);
    for (const page of right) await page.afterCommit?.();
    expect(readdirSync(bench.folder)).toEqual(['done']);
  });

  test('a new delivery under the old name is not moved in place of the loaded one', async () => {
    using bench = feedBench();
    bench.put('stock-1.csv', csvOf(1));
    const pages = await readAll(await bench.open({ ...SNAPSHOT, archive: 'done' }));
    bench.put('stock-1.csv', csvOf(2, 3), HOUR);
    for (const page of pages) await page.afterCommit?.();
    expect(readdirSync(bench.folder)).toEqual(['stock-1.csv']);
  });
});

describe('where it may read', () => {
  test('nothing is moved through a link that leads out of the folder', async () => {
    using bench = feedBench();
    const elsewhere = join(bench.dir, 'elsewhere');
    mkdirSync(elsewhere);
    symlinkSync(elsewhere, join(bench.folder, 'done'));
    bench.put('stock-1.csv', csvOf(1));
    const [page] = await readAll(await bench.open({ ...SNAPSHOT, archive: 'done/2026' }));
    await expect(page?.afterCommit?.()).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    expect([readdirSync(elsewhere), readdirSync(bench.folder)]).toEqual([[], ['done', 'stock-1.csv']]);
  });

  test('a folder outside the allowed ones is refused, also behind a link', async () => {
    using bench = feedBench();
    await expect(bench.open(SNAPSHOT, { path: '/etc' })).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining('outside'),
    });
    symlinkSync('/etc', join(bench.dir, 'link'));
    await expect(bench.open(SNAPSHOT, { path: 'link' })).rejects.toMatchObject({ code: 'ERR_CONFIG_INVALID' });
    await expect(bench.open(SNAPSHOT, { path: 'nowhere' })).rejects.toMatchObject({
      code: 'ERR_CONFIG_INVALID',
      message: expect.stringContaining('ENOENT'),
    });
  });

  test('a file linked from outside, a folder and odd names are not read', async () => {
    using bench = feedBench();
    symlinkSync('/etc/hostname', join(bench.folder, 'stock-1.csv'));
    symlinkSync('stock-b.csv', join(bench.folder, 'stock-a.csv'));
    symlinkSync('stock-a.csv', join(bench.folder, 'stock-b.csv'));
    bench.put('stock-2\n.csv', csvOf(1));
    bench.put('stock-3.csv', csvOf(3));
    expect(rowsOf(await readAll(await bench.open(SNAPSHOT)))).toEqual([{ sku: 'S0', qty: '3' }]);
    expect(bench.log.filter((line) => line.level === 'warn')).toHaveLength(4);
  });
});

describe('watching', () => {
  test('tells a stream at its first look of files that came while nobody looked', async () => {
    const clock = makeTestClock(START);
    const end = new AbortController();
    using bench = feedBench({ clock, signal: end.signal });
    bench.put('stock-1.csv', csvOf(1));
    const { default: feed } = await import('../../connectors/feed/index.ts');
    const config = feed.config.parse({ path: 'feeds', streams: { stock: SNAPSHOT, other: { files: 'x.csv' } } });
    const told: string[] = [];
    const watching = feed.watch?.(config, bench.context, (stream) => told.push(stream));
    await expect.poll(() => clock.sleeping()).toBe(1);
    expect(told).toEqual(['stock']);
    end.abort();
    await watching;
  });

  test('tells a stream soon after a file landed', async () => {
    const clock = makeTestClock(START);
    const end = new AbortController();
    using bench = feedBench({ clock, signal: end.signal });
    const { default: feed } = await import('../../connectors/feed/index.ts');
    const config = feed.config.parse({ path: 'feeds', streams: { stock: SNAPSHOT, other: { files: 'x.csv' } } });
    const told: string[] = [];
    const watching = feed.watch?.(config, bench.context, (stream) => told.push(stream));
    const settled = () => expect.poll(() => clock.sleeping()).toBe(1);
    await settled();
    bench.put('stock-1.csv', csvOf(1));
    await clock.advance(600);
    await settled();
    expect(told).toEqual(['stock']);
    await clock.advance(600);
    await settled();
    utimesSync(join(bench.folder, 'stock-1.csv'), 1, 1);
    await clock.advance(600);
    await settled();
    expect(told).toEqual(['stock', 'stock']);
    end.abort();
    await watching;
  });
});
