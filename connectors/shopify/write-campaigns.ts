/** Campaigns into a shop, as marketing activities of this app. Their remote id makes a second creation an update. */
import type { Json, JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { pick, type Shop } from './client.ts';
import { findId } from './ids.ts';
import { isObject, listOf } from './nodes.ts';
import { pageCost } from './shapes.ts';
import { firstError, rejected } from './user-errors.ts';

const KEPT = `id title tactic marketingChannelType updatedAt
      marketingEvent { id remoteId description startedAt endedAt scheduledToEndAt utmCampaign utmMedium utmSource }`;

export const UPSERT_CAMPAIGN = `mutation TributaryCampaign($input: MarketingActivityUpsertExternalInput!) {
  marketingActivityUpsertExternal(input: $input) {
    marketingActivity { ${KEPT} }
    userErrors { field message code }
  }
}`;

export const UPDATE_CAMPAIGN = `mutation TributaryCampaignUpdate($remoteId: String!, $input: MarketingActivityUpdateExternalInput!) {
  marketingActivityUpdateExternal(remoteId: $remoteId, input: $input) {
    marketingActivity { ${KEPT} }
    userErrors { field message code }
  }
}`;

export const DELETE_CAMPAIGN = `mutation TributaryCampaignDelete($remoteId: String!) {
  marketingActivityDeleteExternal(remoteId: $remoteId) { deletedMarketingActivityId userErrors { field message code } }
}`;

export const CAMPAIGN = `query TributaryCampaign($id: ID!) {
  node(id: $id) { ... on MarketingEvent { id remoteId } }
}`;

export const CAMPAIGN_BY_KEY = `query TributaryCampaignByKey($remoteIds: [String!]) {
  marketingActivities(first: 1, remoteIds: $remoteIds) { nodes { ${KEPT} } pageInfo { hasNextPage endCursor } }
}`;

const PLAIN = ['title', 'tactic', 'remoteUrl', 'status', 'start', 'end', 'scheduledStart', 'scheduledEnd'] as const;

export async function writeCampaign(shop: Shop, intent: WriteIntent): Promise<WriteOutcome> {
  if (intent.action === 'create' || (intent.action === 'upsert' && intent.id === null)) return create(shop, intent);
  const remoteId = await remoteIdOf(shop, intent);
  if (remoteId === null)
    return rejected('NOT_EXTERNAL', `there is no campaign ${intent.id} of this app in the shop`, ['id']);
  return intent.action === 'delete' ? remove(shop, intent, remoteId) : update(shop, intent, remoteId);
}

async function create(shop: Shop, intent: WriteIntent): Promise<WriteOutcome> {
  const { values } = intent;
  const utm = { campaign: values['utmCampaign'], medium: values['utmMedium'], source: values['utmSource'] };
  const hasUtm = Object.values(utm).every((value) => typeof value === 'string' && value !== '');
  const input = {
    ...inputOf(values),
    remoteId: keyOf(intent),
    ...(hasUtm
      ? { utm: { campaign: utm.campaign ?? null, medium: utm.medium ?? null, source: utm.source ?? null } }
      : {}),
  };
  const { data } = await shop.call({ query: UPSERT_CAMPAIGN, variables: { input }, cost: 11, trafficClass: 'write' });
  return judge(pick(data, 'marketingActivityUpsertExternal'));
}

async function update(shop: Shop, { values }: WriteIntent, remoteId: string): Promise<WriteOutcome> {
  const variables = { remoteId, input: inputOf(values) };
  const { data } = await shop.call({ query: UPDATE_CAMPAIGN, variables, cost: 11, trafficClass: 'write' });
  return judge(pick(data, 'marketingActivityUpdateExternal'));
}

async function remove(shop: Shop, intent: WriteIntent, remoteId: string): Promise<WriteOutcome> {
  const { data } = await shop.call({
    query: DELETE_CAMPAIGN,
    variables: { remoteId },
    cost: 10,
    trafficClass: 'write',
  });
  const refused = firstError(pick(pick(data, 'marketingActivityDeleteExternal'), 'userErrors'));
  return refused ?? { state: 'ok', id: intent.id ?? '', version: null };
}

/** What both mutations take; UTM words cannot be changed later. */
function inputOf(values: JsonObject): JsonObject {
  const given = PLAIN.flatMap((name): [string, Json][] =>
    values[name] === undefined ? [] : [[name, values[name] ?? null]],
  );
  const { channel, budget, currency } = values;
  return {
    ...Object.fromEntries(given),
    ...(typeof channel === 'string' ? { marketingChannelType: channel } : {}),
    ...(typeof budget === 'string' && typeof currency === 'string'
      ? { budget: { budgetType: 'LIFETIME', total: { amount: budget, currencyCode: currency } } }
      : {}),
  };
}

const keyOf = ({ values, idempotencyKey }: WriteIntent): string =>
  typeof values['remoteId'] === 'string' && values['remoteId'] !== '' ? values['remoteId'] : idempotencyKey;

async function remoteIdOf(shop: Shop, intent: WriteIntent): Promise<string | null> {
  const id = `gid://shopify/MarketingEvent/${intent.id}`;
  const { data } = await shop.call({ query: CAMPAIGN, variables: { id }, cost: 1, trafficClass: 'write' });
  const remoteId = pick(pick(data, 'node'), 'remoteId');
  return typeof remoteId === 'string' ? remoteId : null;
}

function judge(answer: unknown): WriteOutcome {
  const refused = firstError(pick(answer, 'userErrors'));
  return refused ?? outcomeOf(pick(answer, 'marketingActivity')) ?? LOST;
}

const LOST: WriteOutcome = { state: 'unknown', message: 'Shopify answered without the campaign and without an error.' };

function outcomeOf(activity: unknown): WriteOutcome | null {
  const event = pick(activity, 'marketingEvent');
  const id = isObject(event) ? findId(event) : null;
  if (!isObject(activity) || !isObject(event) || id === null) return null;
  const { title, tactic, marketingChannelType } = activity;
  const stored = {
    ...valuesOfCampaign(event),
    title: title ?? null,
    tactic: tactic ?? null,
    channel: marketingChannelType ?? null,
  };
  return { state: 'ok', id, version: null, stored };
}

/** What a marketing event says of the fields that may be written. */
export function valuesOfCampaign(event: JsonObject): JsonObject {
  const { remoteId, description, type, marketingChannelType, startedAt, endedAt, scheduledToEndAt } = event;
  return {
    ...{ remoteId: remoteId ?? null, title: description ?? null, tactic: type ?? null },
    ...{ channel: marketingChannelType ?? null, start: startedAt ?? null, end: endedAt ?? null },
    scheduledEnd: scheduledToEndAt ?? null,
    ...{ utmCampaign: event['utmCampaign'] ?? null, utmMedium: event['utmMedium'] ?? null },
    utmSource: event['utmSource'] ?? null,
  };
}

export async function findCampaign(shop: Shop, intent: WriteIntent): Promise<WriteOutcome | null> {
  const remoteId = intent.id === null ? keyOf(intent) : await remoteIdOf(shop, intent);
  if (remoteId === null) return null;
  const variables = { remoteIds: [remoteId] };
  const { data } = await shop.call({ query: CAMPAIGN_BY_KEY, variables, cost: pageCost(1, 1), trafficClass: 'write' });
  const found = outcomeOf(listOf(pick(data, 'marketingActivities')).nodes[0] ?? null);
  if (found?.state !== 'ok' || intent.id === null) return found;
  // An update counts as carried out when what it set is there.
  const isThere = Object.entries(intent.values).every(
    ([name, value]) => !(name in (found.stored ?? {})) || found.stored?.[name] === value,
  );
  return isThere ? found : null;
}
