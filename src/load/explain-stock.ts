/** Why a stock figure is what it is: who speaks for it, the movements it is the sum of, and what others report. */

import { publicId } from '../canonical/ids.ts';
import { normaliseSku } from '../canonical/normalise.ts';
import { TributaryError } from '../errors.ts';
import type { Store, Tx } from '../store/store.ts';
import { sql } from '../store/store.ts';
import { findEntity } from './explain.ts';

export type Movement = {
  readonly delta: number;
  readonly reason: string;
  readonly asOf: string;
  readonly note: string | null;
  /** Record that brought it; `null`: the platform. */
  readonly externalId: string | null;
  readonly connection: string | null;
  readonly stream: string | null;
  /** Brought it to the level; `null` also where its page is no longer kept. */
  readonly run: string | null;
};
export type ExplainedLevel = {
  readonly location: string;
  readonly quantity: number;
  readonly reserved: number;
  /** Sold here, not yet counted by the authority. */
  readonly committed: number;
  readonly available: number;
  readonly asOf: string;
  /** Who speaks for the level; `null`: the platform. Without a record: who spoke last, and nobody speaks now. */
  readonly authority: {
    readonly connection: string;
    readonly stream: string;
    readonly externalId: string | null;
  } | null;
  /** The newest first, at most as many as asked for. */
  readonly movements: readonly Movement[];
  /** How many movements there are in all, and their sum: it must be the quantity. */
  readonly ledger: { readonly movements: number; readonly sum: number };
  /** What others report: shown, never added up. */
  readonly observations: readonly {
    readonly connection: string;
    readonly stream: string;
    readonly quantity: number;
    readonly asOf: string;
    readonly drift: number;
  }[];
};
export type ExplainedStock = {
  readonly variant: string | null;
  readonly sku: string | null;
  readonly levels: readonly ExplainedLevel[];
  /** Figures for a SKU no variant carries yet. */
  readonly waiting: readonly {
    readonly connection: string;
    readonly stream: string;
    readonly location: string;
    readonly quantity: number;
    readonly asOf: string;
  }[];
};

export type StockQuestion = {
  readonly tenant: number;
  readonly key: string;
  readonly location?: string | undefined;
  readonly movements: number;
};

/** @param question.key id or match key of a variant, or a SKU that waits for one. @throws ERR_NOT_FOUND */
export async function explainStock(
  store: Store,
  { tenant, key, location, movements }: StockQuestion,
): Promise<ExplainedStock> {
  return store.answer(tenant, async (tx) => {
    const waiting = await waitingFigures(tx, key);
    const id = await findEntity(tx, tenant, 'variant', key).catch(async (thrown: unknown) => {
      if (!(thrown instanceof TributaryError) || thrown.code !== 'ERR_NOT_FOUND') throw thrown;
      const named = await namedByProduct(tx, tenant, key);
      if (named === null && waiting.length === 0) throw thrown;
      return named;
    });
    if (id === null) return { variant: null, sku: key, levels: [], waiting };
    const [variant] = await tx.rows<{ sku: string | null }>(
      sql`select coalesce(v.sku, p.sku) as sku from variant v left join product p on p.id = v.product_id where v.id = ${id}`,
    );
    return {
      variant: publicId('variant', id),
      sku: variant?.sku ?? null,
      levels: await levelsOf(tx, id, location, movements),
      waiting,
    };
  });
}

/** A variant without a SKU is listed under its product's. @throws ERR_LOAD_MATCH_AMBIGUOUS */
async function namedByProduct(tx: Tx, tenant: number, key: string): Promise<number | null> {
  const rows = await tx.rows<{ id: number }>(sql`
    select v.id from product p join variant v on v.product_id = p.id and v.sku_key is null and v.archived_at is null
    where p.tenant = ${tenant} and p.sku_key = ${normaliseSku(key)} order by v.id limit 20`);
  const [only] = rows;
  if (rows.length <= 1) return only?.id ?? null;
  const ids = rows.map((row) => publicId('variant', row.id));
  throw new TributaryError(
    'ERR_LOAD_MATCH_AMBIGUOUS',
    `${rows.length} variants without a SKU are of the product ${key}: ${ids.join(', ')}.`,
    { remedy: 'Name one of them by its id.', evidence: { ids } },
  );
}

async function waitingFigures(tx: Tx, key: string): Promise<ExplainedStock['waiting']> {
  const rows = await tx.rows<{
    connection: string;
    stream: string;
    location: string;
    quantity: number;
    as_of: Date;
  }>(sql`
    select c.name as connection, s.name as stream, w.location, w.quantity, w.as_of from stock_waiting w
    join stream s on s.id = w.stream_id join connection c on c.id = s.connection_id where w.value = ${normaliseSku(key)} order by w.as_of`);
  return rows.map(({ as_of: asOf, ...row }) => ({ ...row, asOf: asOf.toISOString() }));
}

type LevelRow = {
  location: string;
  quantity: number;
  reserved: number;
  committed: number;
  as_of: Date;
  connection: string | null;
  stream: string | null;
  external_id: string | null;
};

async function levelsOf(tx: Tx, id: number, location: string | undefined, limit: number): Promise<ExplainedLevel[]> {
  const rows = await tx.rows<LevelRow>(sql`
    select l.location, l.quantity, l.reserved, l.committed, l.as_of, c.name as connection, s.name as stream, r.external_id
    from stock_level l left join stream s on s.id = l.stream_id left join connection c on c.id = s.connection_id
    left join record r on r.stream_id = l.stream_id and r.no = l.no
    where l.variant_id = ${id} and (${location ?? null}::text is null or l.location = ${location ?? null}) order by l.location collate "C"`);
  const levels: ExplainedLevel[] = [];
  for (const row of rows) {
    const {
      connection,
      stream,
      external_id: externalId,
      as_of: asOf,
      location: code,
      quantity,
      reserved,
      committed,
    } = row;
    levels.push({
      ...{
        location: code,
        quantity,
        reserved,
        committed,
        available: Math.max(0, quantity - reserved - committed),
        asOf: asOf.toISOString(),
      },
      authority: connection === null || stream === null ? null : { connection, stream, externalId },
      movements: await movementsOf(tx, id, code, limit),
      ledger: await ledgerOf(tx, id, code),
      observations: await observationsOf(tx, id, code, quantity),
    });
  }
  return levels;
}

async function ledgerOf(tx: Tx, id: number, location: string): Promise<ExplainedLevel['ledger']> {
  const [row] = await tx.rows<ExplainedLevel['ledger']>(
    sql`select count(*)::bigint as movements, coalesce(sum(delta), 0)::bigint as sum from stock_movement where variant_id = ${id} and location = ${location}`,
  );
  return row ?? { movements: 0, sum: 0 };
}

async function movementsOf(tx: Tx, id: number, location: string, limit: number): Promise<Movement[]> {
  const rows = await tx.rows<Omit<Movement, 'asOf' | 'run'> & { as_of: Date; run_id: number | null }>(sql`
    select m.delta, m.reason, m.as_of, m.note, r.external_id as "externalId", c.name as connection, s.name as stream, p.run_id
    from stock_movement m left join page p on p.id = m.page_id
    left join stream s on s.id = coalesce(m.stream_id, p.stream_id) left join connection c on c.id = s.connection_id
    left join record r on r.stream_id = s.id and r.no = m.no
    where m.variant_id = ${id} and m.location = ${location} order by m.id desc limit ${limit}::bigint`);
  return rows.map(({ as_of: asOf, run_id: run, ...row }) => ({
    ...row,
    asOf: asOf.toISOString(),
    run: run === null ? null : publicId('run', run),
  }));
}

async function observationsOf(
  tx: Tx,
  id: number,
  location: string,
  quantity: number,
): Promise<ExplainedLevel['observations']> {
  const rows = await tx.rows<{ connection: string; stream: string; quantity: number; as_of: Date }>(sql`
    select c.name as connection, s.name as stream, o.quantity, o.as_of from stock_observation o
    join stream s on s.id = o.stream_id join connection c on c.id = s.connection_id where o.variant_id = ${id} and o.location = ${location} order by 1, 2`);
  return rows.map(({ as_of: asOf, ...row }) => ({ ...row, asOf: asOf.toISOString(), drift: row.quantity - quantity }));
}
