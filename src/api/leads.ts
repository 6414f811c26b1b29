/** Routes of leads: MKT-LEAD-01 and MKT-LEAD-03. */
import { z } from 'zod';
import { parseId, publicId } from '../canonical/ids.ts';
import { isStorable } from '../canonical/text.ts';
import { getLead, type Lead, listLeads } from '../leads/list.ts';
import type { Appended } from '../run/append.ts';
import type { Tx } from '../store/store.ts';
import { ApiError } from './errors.ts';
import { LIMIT_DEFAULT, LIMIT_MAX, paginate, pagination } from './inventory.ts';
import { type Action, defineAction, defineRoute, type Route, text, wholeNumber } from './route.ts';

/** Where a lead stands in the CRMs it is written to. */
export type CrmSync = {
  /** `none`: no connection writes leads. */
  readonly status: 'none' | 'pending' | 'synced' | 'failed';
  /** Its id in the first CRM that has it. */
  readonly crm_id: string | null;
  /** By connection. */
  readonly systems: Readonly<Record<string, { readonly status: string; readonly crm_id: string | null }>>;
};

export type LeadDesk = {
  /** Whose leads it takes in. */
  readonly tenant: number;
  capture(values: Readonly<Record<string, unknown>>): Promise<Appended>;
  crmSync(tx: Tx, tenant: number, ids: readonly number[]): Promise<ReadonlyMap<number, CrmSync>>;
  /** When the CRMs will have what is captured now. */
  estimatedSync(): Date;
};

const word = (max: number) =>
  z.string().trim().min(1).max(max).refine(isStorable, 'has characters that no record can have');

const body = z.strictObject({
  source: word(255).optional(),
  campaign_id: word(64).optional(),
  contact: z.strictObject({
    email: z.email().max(320),
    first_name: word(255).optional(),
    last_name: word(255).optional(),
    company: word(255).optional(),
    phone: word(64).optional(),
    title: word(255).optional(),
  }),
  company: z
    .strictObject({
      name: word(255).optional(),
      size: z.int().min(0).optional(),
      industry: word(255).optional(),
      revenue: z.int().min(0).optional(),
      website: word(2000).optional(),
    })
    .optional(),
  qualification: z
    .strictObject({
      lead_score: z.int().optional(),
      interest_level: word(64).optional(),
      budget_range: word(64).optional(),
      timeline: word(64).optional(),
      pain_points: z.array(word(255)).max(100).optional(),
    })
    .optional(),
  tracking: z
    .strictObject({
      utm_source: word(255).optional(),
      utm_medium: word(255).optional(),
      utm_campaign: word(255).optional(),
      referrer: word(2000).optional(),
    })
    .optional(),
});

const crmSync = z.object({
  status: z.enum(['none', 'pending', 'synced', 'failed']),
  crm_id: z.string().nullable(),
  systems: z.record(z.string(), z.object({ status: z.string(), crm_id: z.string().nullable() })),
});

const captured = z.object({
  lead_id: z.string(),
  id: z.string(),
  status: z.literal('captured'),
  crm_sync: z.object({
    status: z.literal('pending'),
    estimated_sync: z.string(),
    crm_id: z.null(),
  }),
  next_actions: z.array(z.string()),
});

const lead = z.looseObject({ lead_id: z.string(), id: z.string(), email: z.string().nullable(), crm_sync: crmSync });

const NEXT_ACTIONS = ['assign_to_sales_rep', 'trigger_nurture_sequence', 'schedule_follow_up'];
const NOWHERE: CrmSync = { status: 'none', crm_id: null, systems: {} };

const cursorOf = (id: number): string => Buffer.from(publicId('lead', id)).toString('base64url');

/** @throws ApiError 400 */
function placeOf(cursor: string, page: number): number {
  const id = parseId('lead', Buffer.from(cursor, 'base64url').toString());
  if (id === null) throw wrong('cursor', 'is none that was given here');
  if (page !== 1) throw wrong('page', 'cannot be given beside a cursor');
  return id;
}

const wrong = (field: string, message: string): ApiError =>
  new ApiError(400, 'The request has parameters that are not valid.', { details: [{ field, message }] });

export function leadRoutes(desk: LeadDesk): {
  readonly routes: readonly Route[];
  readonly actions: readonly Action[];
} {
  const render = (found: Lead, sync: CrmSync | undefined) => {
    const id = publicId('lead', found.id);
    return { lead_id: id, ...found, id, crm_sync: sync ?? NOWHERE };
  };
  const capture = defineAction({
    method: 'POST',
    path: '/api/v1/leads',
    name: 'captureLead',
    summary: 'Capture a lead',
    about: 'Keeps the lead at once; the CRMs that leads are written to get it from the queue.',
    scope: 'write:leads',
    params: z.object({}),
    body,
    answer: captured,
    async handle({ body: given, tenant }) {
      if (tenant !== desk.tenant)
        throw new ApiError(403, 'The tenant of this key has its leads taken in by a program of its own.');
      const outcome = await desk.capture({ ...given, status: 'captured' });
      if (outcome.kind === 'rejected') {
        const details = outcome.problems.map(({ field, message }) => ({ field, message }));
        throw new ApiError(400, 'The lead cannot be taken as it is.', { details });
      }
      const id = publicId('lead', outcome.entityId);
      return {
        ...{ lead_id: id, id, status: 'captured' as const },
        crm_sync: { status: 'pending', estimated_sync: desk.estimatedSync().toISOString(), crm_id: null },
        next_actions: NEXT_ACTIONS,
      };
    },
  });
  const list = defineRoute({
    method: 'GET',
    path: '/api/v1/leads',
    name: 'listLeads',
    summary: 'List leads',
    about:
      'The newest first, by pages, or each time from `next_cursor` on: then nothing is seen twice when leads come in meanwhile.',
    scope: 'read:leads',
    params: z.object({}),
    query: z.strictObject({
      status: text(64).optional(),
      source: text(255).optional(),
      campaign_id: text(64).optional(),
      email: text(320).optional().describe('only this address; case does not matter'),
      page: wholeNumber(1, 1_000_000).default(1),
      cursor: text(64).optional().describe('next_cursor of the answer before; page is left out then'),
      limit: wholeNumber(1, LIMIT_MAX).default(LIMIT_DEFAULT),
    }),
    answer: z.object({
      data: z.array(lead),
      pagination: pagination.partial().extend({ next_cursor: z.string().nullable(), has_more: z.boolean() }),
    }),
    async handle({ query: { status, source, campaign_id: campaign, email, page, cursor, limit }, tenant, tx }) {
      const after = cursor === undefined ? undefined : placeOf(cursor, page);
      const filter = {
        ...{ page, limit },
        ...(status === undefined ? {} : { status }),
        ...(source === undefined ? {} : { source }),
        ...(email === undefined ? {} : { email }),
        ...(campaign === undefined ? {} : { campaign }),
        ...(after === undefined ? {} : { after }),
      };
      const { rows, total } = await listLeads(tx, tenant, filter);
      const sync = await desk.crmSync(
        tx,
        tenant,
        rows.map((row) => row.id),
      );
      const last = rows.at(-1);
      const more = total > (page - 1) * limit + rows.length && last !== undefined;
      const onwards = { next_cursor: more ? cursorOf(last.id) : null, has_more: more };
      return {
        data: rows.map((row) => render(row, sync.get(row.id))),
        pagination: cursor === undefined ? { ...paginate(page, limit, total), ...onwards } : { limit, ...onwards },
      };
    },
  });
  const one = defineRoute({
    method: 'GET',
    path: '/api/v1/leads/:lead_id',
    name: 'getLead',
    summary: 'One lead, with where it stands in the CRMs',
    about: 'crm_sync: pending until every CRM has it, then synced with its ids; failed when one refused it.',
    scope: 'read:leads',
    params: z.object({ lead_id: text(64).describe('lead_…') }),
    query: z.strictObject({}),
    answer: lead,
    async handle({ params: { lead_id: id }, tenant, tx }) {
      const number = parseId('lead', id);
      const found = number === null ? null : await getLead(tx, tenant, number);
      return found && render(found, (await desk.crmSync(tx, tenant, [found.id])).get(found.id));
    },
  });
  return { routes: [list, one], actions: [capture] };
}
