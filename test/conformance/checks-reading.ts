/** Checks of reading one stream: complete, in any size, from any page, by changes, by id. */
import { expect } from 'vitest';
import type { StreamDeclaration } from '../../src/connector/contract.ts';
import { type Account, decode, merged, type Reading, readPass, requestOf } from './account.ts';
import type { Check } from './check.ts';

/** From how many pages, at most, a pass is tried again. */
const MOST_CUTS = 6;
const PAGE_SIZES = [1, 2, 7, 250] as const;

export function readingChecks(open: () => Promise<Account>, stream: StreamDeclaration): Check[] {
  const { name } = stream;
  const check = (title: string, work: (account: Account) => Promise<void>): Check => ({
    title: `${name}: ${title}`,
    async run() {
      await using account = await open();
      await work(account);
    },
  });
  return [
    check('is read whole at the first time, with a permit before each call', async (account) => {
      const read = await readPass(account, name);
      expectTruth(account, name, read.known);
      expect(read.known.size).toBeGreaterThan(2);
      const calls = account.system.requests.length - account.spent.tokens;
      expect(account.spent.permits, 'permits').toBeGreaterThanOrEqual(calls);
      if (stream.cursor !== 'none') expect(read.cursor, 'the cursor changes are read on from').not.toBeNull();
    }),
    check('is read whole as a snapshot that is proven complete', async (account) => {
      const read = await readPass(account, name, { mode: 'full', pageSize: 10 });
      expectTruth(account, name, read.known);
      expectSnapshot(read);
    }),
    ...PAGE_SIZES.map((pageSize) =>
      check(`is the same in pages of ${pageSize}`, async (account) => {
        for (const mode of ['incremental', 'full'] as const) {
          const read = await readPass(account, name, { mode, pageSize });
          expectTruth(account, name, read.known);
          for (const { records } of read.pages) {
            const roots = records.filter(({ parent }) => parent === undefined);
            expect(roots.length, 'records of a page').toBeLessThanOrEqual(pageSize);
          }
        }
      }),
    ),
    ...(['incremental', 'full'] as const).map((mode) =>
      check(`goes on behind any page (${mode})`, async (account) => {
        const whole = await readPass(account, name, { mode, pageSize: 3 });
        for (const most of cuts(whole.cursors.length)) {
          const begun = await readPass(account, name, { mode, pageSize: 3, most });
          const rest = await readPass(account, name, { mode, pageSize: 3, cursor: begun.cursor });
          expectTruth(account, name, merged(begun, rest));
        }
      }),
    ),
    check('brings what was made, changed and deleted since', async (account) => {
      const before = await readPass(account, name);
      await passTime(account, stream);
      const changed = await changeSome(account, name);
      await passTime(account, stream);
      const after = await readPass(account, name, { cursor: before.cursor });
      const known = stream.cursor === 'none' ? after.known : merged(before, after);
      expect(known.get(changed.created)).toBe('made later');
      expect(known.get(changed.updated)).toBe('changed later');
      if (changed.deleted === null) return expectTruth(account, name, known);
      if (stream.deletes.includes('tombstone')) expect([...after.gone]).toContain(changed.deleted);
      const full = await readPass(account, name, { mode: 'full' });
      expectTruth(account, name, full.known);
      expectSnapshot(full);
    }),
    check('finds nothing new when nothing is', async (account) => {
      const before = await readPass(account, name);
      await passTime(account, stream);
      const again = await readPass(account, name, { cursor: before.cursor });
      const third = await readPass(account, name, { cursor: again.cursor });
      expect([...third.gone]).toEqual([]);
      for (const [id, marker] of third.known) expect(marker).toBe(before.known.get(id));
    }),
    ...(stream.cursor === 'keyset' ? keysetChecks(check, stream) : []),
    ...(stream.blindFields.length > 0 ? [sweepCheck(check, name)] : []),
    check('reads single records again, and gone ones as tombstones', async (account) => {
      const ids = [...account.system.truth(name).keys()].slice(0, 3);
      const gone = await goneId(account, name);
      const source = await account.open();
      const page = await source.readIds(name, gone === null ? ids : [...ids, gone]);
      const found = page.records.map(({ id, parent }) => parent ?? id);
      expect([...new Set(found)].sort()).toEqual([...ids].sort());
      if (gone !== null) expect(page.tombstones.map(({ id }) => id)).toEqual([gone]);
      await source.close();
    }),
    check('names a record the same whichever way it came', async (account) => {
      const source = await account.open();
      for await (const { records, context } of source.read(requestOf(name))) {
        for (const { id, parent, raw } of records) {
          if (id === null || parent !== undefined) continue;
          expect(source.externalId(name, id)).toBe(id);
          expect(source.externalId(name, decode(account.connector, [raw], context))).toBe(id);
        }
      }
      await source.close();
    }),
    check('ends when it is told to', (account) => endsOnAbort(account, name)),
  ];
}

type MakeCheck = (title: string, work: (account: Account) => Promise<void>) => Check;

function keysetChecks(check: MakeCheck, stream: StreamDeclaration): Check[] {
  const { name } = stream;
  return [
    check('keeps records of one time apart across pages', async (account) => {
      const before = await readPass(account, name);
      await passTime(account, stream);
      const at = account.clock.now();
      for (let no = 0; no < 5; no += 1)
        await account.system.change({ kind: 'create', stream: name, marker: `same time ${no}`, stamp: { at } });
      await passTime(account, stream);
      const after = await readPass(account, name, { cursor: before.cursor, pageSize: 2 });
      expectTruth(account, name, merged(before, after));
    }),
    check('finds what was committed late under an older time', async (account) => {
      const began = account.clock.now();
      await account.clock.advance(1000);
      const before = await readPass(account, name);
      const lateMs = Math.floor((stream.visibilityLagMs + stream.overlapMs) / 2);
      const visibleAt = new Date(began.getTime() + lateMs);
      const stamp = { at: began, visibleAt };
      const id = await account.system.change({ kind: 'create', stream: name, marker: 'late', stamp });
      await account.clock.advance(Math.max(0, lateMs - 2000));
      const between = await readPass(account, name, { cursor: before.cursor });
      await passTime(account, stream);
      const after = await readPass(account, name, { cursor: between.cursor });
      expect(between.known.get(id) ?? after.known.get(id)).toBe('late');
    }),
  ];
}

function sweepCheck(check: MakeCheck, name: string): Check {
  return check('is swept for what its cursor does not see', async (account) => {
    const truth = account.system.truth(name);
    const known = new Map<string, string>();
    let cursor: Reading['cursor'] = null;
    for (let slice = 0; slice < truth.size + 5 && known.size < truth.size; slice += 1) {
      const swept: Reading = await readPass(account, name, { mode: 'sweep', cursor, pageSize: 10 });
      for (const page of swept.pages) expect(page.complete && page.window.kind === 'snapshot').toBe(false);
      for (const [id, marker] of swept.known) known.set(id, marker);
      cursor = swept.cursor;
    }
    expectTruth(account, name, known);
  });
}

export function expectTruth(account: Account, stream: string, known: ReadonlyMap<string, string>): void {
  const sorted = (map: ReadonlyMap<string, string>) =>
    Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  expect(sorted(known)).toEqual(sorted(account.system.truth(stream)));
}

/** One window, a snapshot, complete on its last page and there alone. */
function expectSnapshot({ pages }: Reading): void {
  expect(new Set(pages.map(({ window }) => `${window.kind} ${window.id} ${window.scope}`)).size).toBe(1);
  expect(pages.at(-1)).toMatchObject({ complete: true, window: { kind: 'snapshot' } });
  expect(pages.slice(0, -1).filter(({ complete }) => complete)).toEqual([]);
  expect(pages.flatMap(({ problems }) => problems)).toEqual([]);
}

function cuts(pages: number): number[] {
  const step = Math.max(1, Math.ceil((pages - 1) / MOST_CUTS));
  return Array.from({ length: MOST_CUTS }, (_, at) => 1 + at * step).filter((at) => at < pages);
}

/** So long that everything that happened is behind the upper bound of the next window. */
const passTime = (account: Account, stream: StreamDeclaration): Promise<void> =>
  account.clock.advance(stream.visibilityLagMs + 2000);

type Changed = { readonly created: string; readonly updated: string; readonly deleted: string | null };

async function changeSome({ system, clock }: Account, stream: string): Promise<Changed> {
  const [first = '', second = ''] = system.truth(stream).keys();
  const created = await system.change({ kind: 'create', stream, marker: 'made later' });
  await clock.advance(1500);
  const updated = await system.change({ kind: 'update', stream, id: first, marker: 'changed later' });
  await clock.advance(1500);
  const deleted = await system.change({ kind: 'delete', stream, id: second });
  return { created, updated, deleted };
}

/** The id of a record that was there. */
async function goneId({ system }: Account, stream: string): Promise<string | null> {
  const last = [...system.truth(stream).keys()].at(-1);
  return last === undefined ? null : system.change({ kind: 'delete', stream, id: last });
}

async function endsOnAbort(account: Account, stream: string): Promise<void> {
  const before = new AbortController();
  before.abort(new Error('told to end'));
  const early = await account.open({ signal: before.signal }).catch(() => null);
  if (early) {
    await expect(early.read(requestOf(stream))[Symbol.asyncIterator]().next()).rejects.toThrow('told to end');
    await early.close();
  }
  const during = new AbortController();
  const source = await account.open({ signal: during.signal });
  const pages = source.read(requestOf(stream, { pageSize: 1 }))[Symbol.asyncIterator]();
  const first = await pages.next();
  during.abort(new Error('told to end'));
  if (first.done !== true && first.value.notBefore === null) {
    const end = async () => {
      for (let page = await pages.next(); page.done !== true; page = await pages.next());
    };
    await expect(end()).rejects.toThrow('told to end');
  }
  await source.close();
}
