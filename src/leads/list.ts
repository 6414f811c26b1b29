/** Leads as they are answered. */
import { parseId } from '../canonical/ids.ts';
import { normaliseEmail } from '../canonical/normalise.ts';
import type { Json } from '../connector/contract.ts';
import { numbers, type SQL, sql, type Tx } from '../store/store.ts';

export type LeadFilter = {
  readonly status?: string;
  readonly source?: string;
  /** Compared as e-mail addresses are everywhere: without case. */
  readonly email?: string;
  /** The campaign that won it: its id here, or as whoever captured the lead named it. */
  readonly campaign?: string;
  /** Only those behind this one. */
  readonly after?: number;
  /** From 1. */
  readonly page: number;
  readonly limit: number;
};

export type Lead = {
  readonly id: number;
  readonly email: string | null;
  readonly first_name: string | null;
  readonly last_name: string | null;
  readonly phone: string | null;
  readonly title: string | null;
  readonly company: Json;
  readonly source: string | null;
  readonly status: string | null;
  readonly sales_stage: string | null;
  readonly sales_rep: string | null;
  readonly lead_score: number | null;
  readonly interest_level: string | null;
  readonly budget_range: string | null;
  readonly timeline: string | null;
  readonly pain_points: Json;
  readonly tracking: Json;
  readonly notes: string | null;
  readonly metadata: Json;
  /** ISO 8601 */
  readonly created_at: string;
  readonly updated_at: string;
};

const iso = (column: string): SQL =>
  sql.raw(`to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as ${column}`);
const COLUMNS = sql`id, email, first_name, last_name, phone, title, company, source, status, sales_stage, sales_rep, lead_score,
  interest_level, budget_range, timeline, pain_points, tracking, notes, metadata, ${iso('created_at')}, ${iso('updated_at')}`;

/** Leads that are not archived, the newest first. */
export async function listLeads(
  tx: Tx,
  tenant: number,
  filter: LeadFilter,
): Promise<{ readonly rows: readonly Lead[]; readonly total: number }> {
  const parts = [sql`tenant = ${tenant}::integer and archived_at is null`];
  if (filter.status !== undefined) parts.push(sql`status = ${filter.status}`);
  if (filter.source !== undefined) parts.push(sql`source = ${filter.source}`);
  if (filter.email !== undefined) parts.push(sql`email_key = ${normaliseEmail(filter.email)}`);
  if (filter.campaign !== undefined) {
    const known = numbers([parseId('campaign', filter.campaign) ?? 0]);
    parts.push(sql`(metadata ->> 'campaign_id' = ${filter.campaign} or campaign_id = any(${known}))`);
  }
  if (filter.after !== undefined) parts.push(sql`id < ${filter.after}::bigint`);
  const where = sql.join(parts, sql` and `);
  // One statement: total and page are of the same moment.
  const [answer] = await tx.rows<{ total: number; rows: Lead[] }>(sql`
    select (select count(*)::bigint from lead where ${where}) as total,
      coalesce((select json_agg(row) from (
        select ${COLUMNS} from lead where ${where} order by id desc
        limit ${filter.limit}::bigint offset ${(filter.page - 1) * filter.limit}::bigint) row), '[]'::json) as rows`);
  return { rows: answer?.rows ?? [], total: answer?.total ?? 0 };
}

/** One lead, archived or not. */
export async function getLead(tx: Tx, tenant: number, id: number): Promise<Lead | null> {
  const [row] = await tx.rows<Lead>(
    sql`select ${COLUMNS} from lead where tenant = ${tenant}::integer and id = any(${numbers([id])})`,
  );
  return row ?? null;
}
