/** Marketing: campaigns (no filter by change), forms, and what people sent through them (newest first). */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import type { Stamp } from '../system.ts';
import { Table } from '../table.ts';
import { correlation, invalid, notFound } from './errors.ts';
import { bodyOf } from './object-routes.ts';
import { asList, asObject, asText, listed } from './shapes.ts';

const MOST_CAMPAIGNS = 100;
const MOST_SUBMISSIONS = 50;
const CAMPAIGN_PROPERTIES = [
  ...['hs_name', 'hs_start_date', 'hs_end_date', 'hs_notes', 'hs_audience', 'hs_currency_code', 'hs_goal'],
  ...['hs_campaign_status', 'hs_utm', 'hs_budget_items_sum_amount', 'hs_spend_items_sum_amount', 'hs_color_hex'],
];
const STATUSES = ['planned', 'in_progress', 'active', 'paused', 'completed'];

export type Submission = {
  readonly conversionId: string;
  readonly submittedAt: number;
  readonly visibleAt: number;
  readonly pageUrl: string;
  readonly values: readonly { readonly name: string; readonly value: string }[];
};

export type Marketing = ReturnType<typeof makeMarketing>;

export function makeMarketing(now: () => number, saved: JsonObject | null) {
  const campaigns = new Table();
  const submissions = new Map<string, Submission[]>();
  const forms = new Map<string, string>();
  let made = 0;
  if (saved) {
    campaigns.load(saved['campaigns'] ?? []);
    made = Number(saved['made']);
    for (const [id, name] of Object.entries(asObject(saved['forms']))) forms.set(id, asText(name));
    for (const [id, list] of Object.entries(asObject(saved['submissions'])))
      submissions.set(id, asList(list) as unknown as Submission[]);
  }
  const uuid = (): string => {
    made += 1;
    return correlation(`made ${made}`);
  };
  const stamped = (stamp: Stamp = {}) => {
    const at = stamp.at?.getTime() ?? now();
    return { at, visibleAt: stamp.visibleAt?.getTime() ?? Math.max(at, now()) };
  };

  const marketing = {
    campaigns: () => [...campaigns.all(now())],
    form: (): string => [...forms.keys()][0] ?? '',
    addForm(name: string): string {
      const id = uuid();
      forms.set(id, name);
      return id;
    },
    addCampaign(properties: JsonObject, stamp?: Stamp): string {
      const id = uuid();
      campaigns.put(id, properties, stamped(stamp));
      return id;
    },
    changeCampaign(id: string, properties: JsonObject, stamp?: Stamp): void {
      campaigns.put(id, { ...campaigns.latest(id), ...properties }, stamped(stamp));
    },
    removeCampaign: (id: string): void => campaigns.put(id, null, stamped()),
    submit(form: string, values: Readonly<Record<string, string>>, stamp?: Stamp): Submission {
      const { at, visibleAt } = stamped(stamp);
      const sent: Submission = {
        ...{ conversionId: uuid(), submittedAt: at, visibleAt, pageUrl: 'https://outdoor.example/contact' },
        values: Object.entries(values).map(([name, value]) => ({ name, value })),
      };
      submissions.set(form, [...(submissions.get(form) ?? []), sent]);
      return sent;
    },
    forms: () => [...forms.keys()],
    submissions: (form: string): readonly Submission[] => submissions.get(form) ?? [],
    setSubmissions: (form: string, list: readonly Submission[]): void => void submissions.set(form, [...list]),

    /** `/marketing/v3/campaigns` and `/{guid}` */
    campaignRoute(request: SystemRequest, id: string | null): SystemAnswer {
      const { method, query } = request;
      const asked = listed(query, 'properties');
      if (id === null && method === 'GET') return listCampaigns(query, asked);
      if (id === null && method === 'POST') {
        const made = marketing.addCampaign(checkedCampaign(bodyOf(request)['properties'], true));
        return { status: 201, body: shownCampaign(made, CAMPAIGN_PROPERTIES) };
      }
      if (id === null || campaigns.get(id, now()) === null) throw notFound();
      if (method === 'GET') return { status: 200, body: { ...shownCampaign(id, asked), assets: {} } };
      if (method === 'DELETE') {
        marketing.removeCampaign(id);
        return { status: 204 };
      }
      marketing.changeCampaign(id, checkedCampaign(bodyOf(request)['properties'], false));
      return { status: 200, body: shownCampaign(id, CAMPAIGN_PROPERTIES) };
    },

    formsRoute({ query }: SystemRequest): SystemAnswer {
      const limit = Math.min(Number(query.get('limit') ?? 20), 100);
      const all = query.get('archived') === 'true' ? [] : [...forms];
      const start = Number(query.get('after') ?? 0);
      const results = all.slice(start, start + limit).map(([id, name]) => ({
        ...{ id, name, formType: 'hubspot', archived: false, fieldGroups: [] },
        ...{ createdAt: '2026-01-05T09:00:00Z', updatedAt: '2026-01-05T09:00:00Z' },
      }));
      const paging = all.length > start + limit ? { paging: { next: { after: String(start + limit), link: '' } } } : {};
      return { status: 200, body: { results, ...paging } };
    },

    /** `/form-integrations/v1/submissions/forms/{guid}`: an opaque token leads on. */
    submissionsRoute({ query }: SystemRequest, form: string): SystemAnswer {
      if (!forms.has(form)) throw notFound();
      const limit = Number(query.get('limit') ?? 20);
      if (!Number.isInteger(limit) || limit < 1 || limit > MOST_SUBMISSIONS)
        throw invalid('limit must be from 1 to 50');
      const sent = marketing.submissions(form).filter(({ visibleAt }) => visibleAt <= now());
      const newest = [...sent].sort(
        (a, b) => b.submittedAt - a.submittedAt || (a.conversionId < b.conversionId ? 1 : -1),
      );
      const start = Number(Buffer.from(query.get('after') ?? '', 'base64').toString() || 0);
      const results = newest.slice(start, start + limit).map(({ conversionId, submittedAt, pageUrl, values }) => ({
        ...{ conversionId, submittedAt, pageUrl },
        values: values.map((value) => ({ ...value, objectTypeId: '0-1' })),
      }));
      const after = Buffer.from(String(start + limit)).toString('base64');
      const paging = newest.length > start + limit ? { paging: { next: { after, link: `?after=${after}` } } } : {};
      return { status: 200, body: { results, ...paging } };
    },

    save: (): JsonObject => ({
      ...{ made, campaigns: campaigns.save(), forms: Object.fromEntries(forms) },
      submissions: Object.fromEntries(submissions) as unknown as JsonObject,
    }),
  };

  function listCampaigns(query: URLSearchParams, asked: readonly string[]): SystemAnswer {
    const limit = Number(query.get('limit') ?? 50);
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST_CAMPAIGNS) throw invalid('limit must be from 1 to 100');
    const name = query.get('name')?.toLowerCase();
    const all = marketing
      .campaigns()
      .filter(({ values }) => !name || String(values['hs_name']).toLowerCase().includes(name));
    const sorted = query.get('sort') === 'createdAt' ? all : all.sort((a, b) => b.updatedAt - a.updatedAt);
    const start = Number(query.get('after') ?? 0);
    const results = sorted.slice(start, start + limit).map(({ id }) => shownCampaign(id, asked));
    const next = String(start + limit);
    const paging = all.length > start + limit ? { paging: { next: { after: next, link: '' } } } : {};
    return { status: 200, body: { total: all.length, results, ...paging } };
  }

  function shownCampaign(id: string, asked: readonly string[]): JsonObject {
    const version = campaigns.get(id, Number.POSITIVE_INFINITY);
    if (!version) throw notFound();
    const has = ({ [0]: name }: [string, Json]) => asked.includes(name);
    return {
      id,
      properties: Object.fromEntries(Object.entries(version.values).filter(has)),
      createdAt: new Date(version.createdAt).toISOString(),
      updatedAt: new Date(version.updatedAt).toISOString(),
      businessUnits: [{ id: 0 }],
    };
  }
  return marketing;
}

function checkedCampaign(given: Json | undefined, isNew: boolean): JsonObject {
  const properties = asObject(given);
  const unknown = Object.keys(properties).filter((name) => !CAMPAIGN_PROPERTIES.includes(name));
  if (unknown.length > 0) throw invalid(`Properties do not exist: ${unknown.join(', ')}`);
  const summed = Object.keys(properties).filter((name) => name.endsWith('_sum_amount'));
  if (summed.length > 0) throw invalid(`Read only properties cannot be set: ${summed.join(', ')}`);
  if (isNew && !properties['hs_name']) throw invalid('hs_name is required');
  const status = properties['hs_campaign_status'];
  if (typeof status === 'string' && status !== '' && !STATUSES.includes(status))
    throw invalid(`hs_campaign_status must be one of ${STATUSES.join(', ')}`);
  for (const name of ['hs_start_date', 'hs_end_date']) {
    const date = properties[name];
    if (typeof date === 'string' && date !== '' && !/^\d{4}-\d{2}-\d{2}$/.test(date))
      throw invalid(`${name} must be a date such as 2026-11-30`);
  }
  return properties;
}

/** Id that the connector gives a submission, which has none that an address could be made of. */
export const submissionId = (form: string, { submittedAt, conversionId }: Submission): string =>
  `${form}/${submittedAt}/${conversionId}`;
