import { mkdir, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PGlite, type Transaction } from '@electric-sql/pglite';
import { TributaryError } from '../errors.ts';
import { storeError } from './errors.ts';
import { type Lane, openLane } from './lane.ts';
import { lockFolder } from './lock.ts';
import { BY_KEY, becomeReader, compile, type Store, type TransactionOptions, type Tx, takeIds } from './store.ts';

const INT8 = 20;

/**
 * Opens PGlite in a folder (`null`: in memory). The folder is locked first: PGlite would let a second process in, and
 * lose what was acknowledged.
 * @param dump what a new store begins with, as `dumpDataDir` made it
 */
export async function openPglite(folder: string | null, dump?: Blob): Promise<Store> {
  if (folder) await mkdir(dirname(folder), { recursive: true });
  const unlock = folder ? await lockFolder(folder) : () => Promise.resolve();
  let db: PGlite;
  try {
    db = await PGlite.create({
      ...(folder ? { dataDir: folder } : {}),
      ...(dump ? { loadDataDir: dump } : {}),
      parsers: { [INT8]: Number },
      relaxedDurability: false,
    });
  } catch (thrown) {
    await unlock();
    throw storeError(thrown);
  }
  const rows: Store['rows'] = async <Row>(query: Parameters<Store['rows']>[0]) => {
    const { sql, params } = compile(query);
    try {
      return (await db.query<Row>(sql, params)).rows;
    } catch (thrown) {
      throw storeError(thrown);
    }
  };
  const transaction = async <T>(work: (tx: Tx) => Promise<T>, options?: TransactionOptions): Promise<T> => {
    await refuseWhenFull(folder);
    return within(work, options);
  };
  const within = async <T>(work: (tx: Tx) => Promise<T>, { byKey }: TransactionOptions = {}): Promise<T> => {
    try {
      return await db.transaction(async (inner) => {
        const lane = openLane();
        try {
          if (byKey) await inner.exec(BY_KEY);
          const result = await work(txOn(inner, lane));
          await lane.end();
          return result;
        } finally {
          await lane.end().catch(() => undefined);
        }
      });
    } catch (thrown) {
      throw storeError(thrown);
    }
  };
  return {
    engine: 'pglite',
    rows,
    transaction,
    answer: (tenant, work) =>
      within(async (tx) => {
        for (const statement of becomeReader(tenant)) await tx.rows(statement);
        return work(tx);
      }),
    newIds: (count) => takeIds(rows, count),
    pglite: db,
    async close() {
      await db.close();
      await unlock();
    },
  };
}

/** PGlite never comes back from a full disk (its process spins for ever), so that it must not get there. */
const SPARE_BYTES = 128 * 1024 * 1024;

async function refuseWhenFull(folder: string | null): Promise<void> {
  if (folder === null) return;
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= SPARE_BYTES) return;
  throw new TributaryError(
    'ERR_STORE_FULL',
    `The disk of ${folder} has ${Math.floor((bavail * bsize) / 1024 / 1024)} MB left; the store needs ${SPARE_BYTES / 1024 / 1024} MB to spare.`,
  );
}

function txOn(inner: Transaction, lane: Lane): Tx {
  return {
    rows<Row>(query: Parameters<Tx['rows']>[0]) {
      const { sql, params } = compile(query);
      return lane.run(async () => (await inner.query<Row>(sql, params)).rows);
    },
    send(query) {
      const { sql, params } = compile(query);
      lane.send(() => inner.query(sql, params));
    },
    copy(table, columns, rows) {
      if (rows.count === 0) return;
      const statement = `copy "${table}" (${columns.map((column) => `"${column}"`).join(', ')}) from '/dev/blob' (format binary)`;
      const blob = new Blob([rows.bytes.slice()]);
      lane.send(() => inner.query(statement, [], { blob }));
    },
  };
}
