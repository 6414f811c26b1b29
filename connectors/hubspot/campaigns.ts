/** Campaigns: no filter by change, so they are read whole each time. */
import { type Json, type Page, type ReadRequest, z } from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { findId } from './ids.ts';
import { objectOf, pageOf, textOf } from './json.ts';
import { bytesOf, type Parts } from './records.ts';
import { declaredNames } from './streams.ts';

const MOST_LISTED = 100;

const running = z.object({ began: z.number(), after: z.string(), total: z.number().nullable() });

/** https://developers.hubspot.com/docs/api-reference/marketing-campaigns-public-api-v3/guide */
export async function* readCampaigns(account: Account, request: ReadRequest): AsyncGenerator<Page> {
  const { portal, config, context } = account;
  let at = running.safeParse(request.cursor).data ?? null;
  const began = at?.began ?? context.clock.now().getTime();
  for (let isEnd = false; !isEnd; ) {
    const observedAt = context.clock.now();
    const limit = String(Math.min(request.pageSize, MOST_LISTED));
    const query = {
      // By what cannot change while they are read.
      ...{ limit, sort: 'createdAt', properties: declaredNames('campaigns').join(',') },
      ...(at === null ? {} : { after: at.after }),
    };
    const call = { path: config.campaignsPath, query, trafficClass: request.trafficClass };
    const page = pageOf(await portal.get(call), 'campaigns');
    isEnd = page.after === null || page.after === at?.after;
    // What the first page promised: one deleted while the others are read moves them up, and then the count is short.
    const total: number | null = at === null ? page.total : at.total;
    at = page.after === null ? null : { began, after: page.after, total };
    yield {
      ...campaignRecords(page.results),
      next: isEnd || at === null ? {} : { ...at },
      window: { id: `full ${new Date(began).toISOString()}`, kind: 'snapshot', scope: 'campaigns' },
      ...{ complete: isEnd, observedAt, expected: total, notBefore: null, context: {} },
    };
  }
}

/** Campaigns as records. Properties without a value are left out by HubSpot. */
export function campaignRecords(campaigns: readonly Json[]): Parts {
  const parts = campaigns.map((campaign, place) => {
    const { assets: _assets, ...rest } = objectOf(campaign);
    const id = findId(campaign);
    const raw = bytesOf(rest);
    const position = place + 1;
    if (id === null) return { problem: { message: 'A campaign has no id.', position, raw } };
    const at = Date.parse(textOf(rest.updatedAt) ?? '');
    return { record: { raw, id, version: Number.isNaN(at) ? null : at, position } };
  });
  return {
    records: parts.flatMap(({ record }) => record ?? []),
    problems: parts.flatMap(({ problem }) => problem ?? []),
    tombstones: [],
  };
}
