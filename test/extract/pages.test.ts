import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type {
  Cursor,
  JsonObject,
  Page,
  ReadRequest,
  Source,
  SourceRecord,
  StreamDeclaration,
} from '../../src/connector/contract.ts';
import { JoinStore } from '../../src/extract/join-store.ts';
import { hashAt, readAhead, readPages } from '../../src/extract/pages.ts';
import type { ExtractedPage } from '../../src/extract/types.ts';

let scratchDir = '';
beforeEach(() => {
  scratchDir = mkdtempSync(join(tmpdir(), 'extract-'));
});
afterEach(() => rmSync(scratchDir, { recursive: true, force: true }));

const STREAM: StreamDeclaration = {
  ...{ name: 'products', about: '', mode: 'complete', cursor: 'token', visibilityLagMs: 0, overlapMs: 0 },
  ...{ blindFields: [], volatilePaths: [], deletes: [], fields: null, key: [] },
};
const record = (raw: JsonObject, others: Partial<SourceRecord> = {}): SourceRecord => ({
  raw: Buffer.from(JSON.stringify(raw)),
  id: null,
  version: null,
  position: 1,
  ...others,
});

type Windowed = { readonly window: string; readonly records: readonly SourceRecord[]; readonly others?: Partial<Page> };

/** A source whose cursor is the number of the next page. */
function sourceOf(pages: readonly Windowed[]): Pick<Source, 'read'> & { asked: (Cursor | null)[] } {
  const asked: (Cursor | null)[] = [];
  return {
    asked,
    async *read(request: ReadRequest): AsyncGenerator<Page> {
      asked.push(request.cursor);
      for (let at = Number(request.cursor?.['at'] ?? 0); at < pages.length; at++) {
        const page = pages[at] as Windowed;
        yield {
          ...{
            records: page.records,
            tombstones: [],
            problems: [],
            next: { at: at + 1 },
            complete: pages[at + 1]?.window !== page.window,
          },
          window: { id: page.window, kind: 'snapshot', scope: 'all' },
          ...{
            observedAt: new Date('2026-11-21T12:00:00Z'),
            expected: null,
            notBefore: null,
            context: { format: 'json' },
            ...page.others,
          },
        };
      }
    },
  };
}

async function read(
  source: Pick<Source, 'read'>,
  request: Partial<ReadRequest> = {},
  stream: Partial<StreamDeclaration> = {},
): Promise<ExtractedPage[]> {
  const all: ExtractedPage[] = [];
  const full: ReadRequest = {
    stream: 'products',
    cursor: null,
    mode: 'incremental',
    pageSize: 2,
    groupBy: null,
    trafficClass: 'poll',
    ...request,
  };
  for await (const page of readPages({
    source: source as Source,
    stream: { ...STREAM, ...stream },
    request: full,
    scratchDir,
  }))
    all.push(page);
  return all;
}

const partsOf = (pages: readonly ExtractedPage[]) =>
  pages.flatMap((page) => page.records.map((one) => one.parts.map((part) => JSON.parse(Buffer.from(part).toString()))));
const throughJson = (cursor: Cursor | null): Cursor | null => JSON.parse(JSON.stringify(cursor));

describe('pages', () => {
  test('come with a hash per record, equal for equal content', async () => {
    const [page] = await read(
      sourceOf([{ window: 'w', records: [record({ a: 1, b: 2 }), record({ b: 2, a: 1 }), record({ a: 2 })] }]),
    );
    expect(page?.rows).toBe(3);
    expect(page?.hashes).toHaveLength(48);
    const [one, two, three] = page ? [0, 1, 2].map((at) => Buffer.from(hashAt(page, at)).toString('hex')) : [];
    expect(two).toBe(one);
    expect(three).not.toBe(one);
  });

  test('are asked for one ahead, no more, and the source is closed when nobody wants more', async () => {
    let made = 0;
    let isClosed = false;
    async function* numbers() {
      try {
        for (;;) yield ++made;
      } finally {
        isClosed = true;
      }
    }
    for await (const number of readAhead(numbers())) {
      await new Promise((resolve) => setImmediate(resolve));
      expect(made).toBe(number + 1);
      if (number === 3) break;
    }
    expect(isClosed).toBe(true);
  });

  test('an error of the page ahead is told when its turn comes', async () => {
    async function* failing() {
      yield 1;
      throw new Error('broken');
    }
    const seen: number[] = [];
    await expect(
      (async () => {
        for await (const number of readAhead(failing())) {
          await new Promise((resolve) => setImmediate(resolve));
          seen.push(number);
        }
      })(),
    ).rejects.toThrow('broken');
    expect(seen).toEqual([1]);
  });
});

describe('joining', () => {
  test('tells of a file that is gone, or another, before all that it made was given out', async () => {
    const rows = ['a', 'b', 'c', 'd', 'e'].map((handle) => record({ handle }));
    const whole = await read(sourceOf([{ window: 'w', records: rows }]), { groupBy: 'handle' });
    const cursor = throughJson(whole[0]?.next ?? null);
    const told = /^w is not read on behind its record 2: it was removed or replaced/;
    for (const left of [[], [{ window: 'other', records: rows.slice(0, 1) }]]) {
      const [lost, ...rest] = await read(sourceOf(left), { groupBy: 'handle', cursor });
      expect(lost).toMatchObject({ records: [], complete: false, window: { id: 'w', scope: 'all' } });
      expect(lost?.problems.map((one) => one.message)).toEqual([expect.stringMatching(told)]);
      expect(partsOf(rest)).toHaveLength(left.length);
      expect(await read(sourceOf([]), { groupBy: 'handle', cursor: throughJson(lost?.next ?? null) })).toEqual([]);
    }
  });

  test('can be left again: the source gets its own cursor back', async () => {
    const rows = ['a', 'b', 'c'].map((handle) => record({ handle }));
    const windows = ['one', 'two', 'three'].map((window) => ({ window, records: rows }));
    const joined = await read(sourceOf(windows), { groupBy: 'handle' });
    const from = async (page: ExtractedPage | undefined) =>
      partsOf(await read(sourceOf(windows), { cursor: throughJson(page?.next ?? null) })).length;
    // Behind the second page of the first window, the first one of the second, and the last of all.
    expect([await from(joined[1]), await from(joined[2]), await from(joined.at(-1))]).toEqual([6, 6, 0]);
  });

  test('counts records where the source promised rows, and keeps a promise that was not kept', async () => {
    const rows = ['a', 'b', 'a', 'b', 'a'].map((handle) => record({ handle }));
    const promised = async (expected: number) => {
      const pages = await read(sourceOf([{ window: 'w', records: rows, others: { expected } }]), { groupBy: 'handle' });
      return [pages.flatMap((page) => page.records).length, pages.at(-1)?.expected];
    };
    expect([await promised(5), await promised(6)]).toEqual([
      [2, 2],
      [2, 6],
    ]);
  });

  const children = { children: true };

  test('puts children with their parent, whatever the order they come in', async () => {
    const source = sourceOf([
      {
        window: 'w',
        records: [record({ id: 'v1' }, { id: 'v1', parent: 'p1' }), record({ id: 'p1' }, { id: 'p1', version: 5 })],
      },
      {
        window: 'w',
        records: [
          record({ id: 'p2' }, { id: 'p2' }),
          record({ id: 'v2' }, { id: 'v2', parent: 'p1' }),
          record({ id: 'orphan' }, { id: 'o', parent: 'p9' }),
        ],
      },
    ]);
    const pages = await read(source, {}, children);
    expect(partsOf(pages)).toEqual([[{ id: 'p1' }, { id: 'v1' }, { id: 'v2' }], [{ id: 'p2' }], [{ id: 'orphan' }]]);
    expect(pages.flatMap((page) => page.records.map((one) => [one.id, one.version]))).toEqual([
      ['p1', 5],
      ['p2', null],
      ['p9', null],
    ]);
    expect(pages.map((page) => [page.rows, page.complete])).toEqual([
      [4, false],
      [1, true],
    ]);
  });

  test('rows of one value are one record; a blank value joins nothing', async () => {
    const rows = ['x', 'y', 'x', '', '', ' x '].map((handle, at) => record({ handle, at }, { position: at + 2 }));
    const pages = await read(sourceOf([{ window: 'w', records: rows }]), { groupBy: 'handle', pageSize: 10 });
    expect(partsOf(pages).map((parts) => parts.map((part: { at: number }) => part.at))).toEqual([
      [0, 2, 5],
      [1],
      [3],
      [4],
    ]);
    expect(pages[0]?.records.map((one) => [one.id, one.position])).toEqual([
      [null, 2],
      [null, 3],
      [null, 5],
      [null, 6],
    ]);
  });

  test('a column that is not there is told with those that are', async () => {
    await expect(
      read(sourceOf([{ window: 'w', records: [record({ sku: 1 })] }]), { groupBy: 'handle' }),
    ).rejects.toMatchObject({ code: 'ERR_EXTRACT_PARSE', message: expect.stringContaining('sku') });
  });

  test('goes on from any page without a gap or a repetition, and begins a replaced window anew', async () => {
    const rows = (window: string) => Array.from({ length: 7 }, (_, at) => record({ handle: `h${at % 5}`, at, window }));
    const source = sourceOf([
      { window: 'a', records: rows('a') },
      { window: 'b', records: rows('b').slice(0, 3) },
      { window: 'b', records: rows('b').slice(3) },
    ]);
    const whole = await read(source, { groupBy: 'handle' });
    expect(whole.map((page) => page.window.id)).toEqual(['a', 'a', 'a', 'b', 'b', 'b']);
    for (let at = 0; at < whole.length; at++) {
      const rest = await read(source, { groupBy: 'handle', cursor: throughJson(whole[at]?.next ?? null) });
      expect(partsOf(rest)).toEqual(partsOf(whole.slice(at + 1)));
    }
    const replaced = sourceOf([{ window: 'a2', records: rows('a2') }]);
    expect(
      partsOf(await read(replaced, { groupBy: 'handle', cursor: throughJson(whole[0]?.next ?? null) })),
    ).toHaveLength(5);
  });

  test('tells problems, tombstones and the promise of a window once, and runs what follows a commit at its end', async () => {
    const done: number[] = [];
    const problem = { message: 'line 3', position: 3, raw: null };
    const others = (number: number) => ({
      problems: [problem],
      tombstones: [{ id: `t${number}`, version: null }],
      expected: 4,
      afterCommit: async () => void done.push(number),
    });
    const source = sourceOf(
      [1, 2].map((number) => ({
        window: 'w',
        records: [record({ h: number * 2 }), record({ h: number * 2 + 1 })],
        others: others(number),
      })),
    );
    const pages = await read(source, { groupBy: 'h', pageSize: 3 });
    expect(
      pages.map((page) => [page.problems.length, page.tombstones.map((one) => one.id), page.afterCommit !== undefined]),
    ).toEqual([
      [2, ['t1', 't2'], false],
      [0, [], true],
    ]);
    await pages[1]?.afterCommit?.();
    expect(done).toEqual([1, 2]);
  });

  test('a window without records passes through', async () => {
    const pages = await read(sourceOf([{ window: 'note', records: [], others: { context: { notes: ['x'] } } }]), {
      groupBy: 'h',
    });
    expect(pages).toMatchObject([
      { records: [], rows: 0, context: { notes: ['x'] }, next: { framed: 1, inner: { at: 1 } } },
    ]);
  });

  test('spilled and held parts join alike', async () => {
    const parts = fc.array(
      fc.record({
        root: fc.option(fc.constantFrom('a', 'b', 'c', '', 'ü')),
        isRoot: fc.boolean(),
        size: fc.integer({ min: 0, max: 3000 }),
      }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(parts, fc.integer({ min: 0, max: 40_000 }), async (all, mostBytes) => {
        const held = await join1(all, new JoinStore(scratchDir, false));
        const spilled = await join1(all, new JoinStore(scratchDir, false, mostBytes));
        const again = await join1(all, new JoinStore(scratchDir, true));
        expect([...spilled.texts].sort()).toEqual([...held.texts].sort());
        if (spilled.isSpilled) expect(again.texts).toEqual(spilled.texts);
      }),
      { numRuns: 25 },
    );
    expect(readdirSync(scratchDir)).toEqual([]);
  });

  async function join1(all: readonly { root: string | null; isRoot: boolean; size: number }[], store: JoinStore) {
    for (const [position, { root, isRoot, size }] of all.entries()) {
      await store.add({
        raw: Buffer.alloc(size, 65 + (position % 26)),
        root,
        isRoot,
        isRow: false,
        version: null,
        position,
      });
    }
    const { isSpilled } = store;
    const texts: string[] = [];
    for await (const one of store.records())
      texts.push(`${one.id} ${one.position} ${one.parts.map((part) => `${part.length}${part[0]}`).join()}`);
    await store.close();
    return { texts, isSpilled };
  }
});
