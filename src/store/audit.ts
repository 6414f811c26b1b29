import { json, type Store, sql, type Tx } from './store.ts';

/** Something a person decided, kept for ever. Never secrets. */
export type AuditEntry = {
  readonly tenant: number;
  readonly at: Date;
  /** Who: `cli:anna`, `key_…`. */
  readonly actor: string;
  /** What: `runs.approve`. */
  readonly action: string;
  /** To what: `run_…`, `feeds/products`. */
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
};

/** Writes in the transaction of the deed. Ids are taken before it: PGlite has one connection. */
export async function auditing(store: Store): Promise<(tx: Tx, entry: AuditEntry) => Promise<void>> {
  const ids = await store.newIds(1);
  return async (tx, { tenant, at, actor, action, subject, details }) => {
    await tx.rows(sql`insert into audit (id, tenant, at, actor, action, subject, details)
      values (${ids.next()}, ${tenant}, ${at.toISOString()}::timestamptz, ${actor}, ${action}, ${subject}, ${json(details)})`);
  };
}
