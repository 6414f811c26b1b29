/** Campaigns are written one by one; an unknown one is looked for by its name, which HubSpot does not keep unique. */
import type { JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import type { Call } from './client.ts';
import { findId } from './ids.ts';
import { objectOf, pageOf, textOf } from './json.ts';
import { holds, refusal, rejected, textSent, written } from './outcomes.ts';
import { declaredNames } from './streams.ts';

/** https://developers.hubspot.com/docs/api-reference/marketing-campaigns-public-api-v3/guide */
export async function writeCampaign(account: Account, intent: WriteIntent): Promise<WriteOutcome> {
  const { action, id, values } = intent;
  if (action === 'delete')
    return id === null ? rejected('MISSING_ID', 'A delete needs the id of its record.') : remove(account, id);
  if (id !== null) return save(account, intent, id);
  const [only, ...more] = await campaignsNamed(account, textOf(values.hs_name) ?? '');
  if (more.length > 0) return rejected('MULTIPLE_CHOICES', `${more.length + 1} campaigns have this name.`, ['hs_name']);
  const existingId = only === undefined ? null : findId(only);
  if (existingId !== null && action === 'create')
    return { ...rejected('CONFLICT', 'A campaign has this name already.', ['hs_name']), existingId };
  if (existingId === null && action === 'update')
    return rejected('OBJECT_NOT_FOUND', 'No campaign has this name.', ['hs_name']);
  return save(account, intent, existingId);
}

async function save(account: Account, intent: WriteIntent, id: string | null): Promise<WriteOutcome> {
  const properties = Object.fromEntries(Object.entries(intent.values).map(([name, value]) => [name, textSent(value)]));
  const { campaignsPath } = account.config;
  const answer = await account.portal.ask({
    ...(id === null ? { method: 'POST', path: campaignsPath } : { method: 'PATCH', path: `${campaignsPath}/${id}` }),
    ...{ body: { properties }, trafficClass: 'write' },
  } satisfies Call);
  if (answer.status < 200 || answer.status >= 300) return refusal(objectOf(answer.body), answer.status);
  return written(intent, objectOf(answer.body), 'hs_lastmodifieddate');
}

async function remove({ portal, config }: Account, id: string): Promise<WriteOutcome> {
  const answer = await portal.ask({ method: 'DELETE', path: `${config.campaignsPath}/${id}`, trafficClass: 'write' });
  const isGone = answer.status === 404 || (answer.status >= 200 && answer.status < 300);
  return isGone ? { state: 'ok', id, version: null } : refusal(objectOf(answer.body), answer.status);
}

/** What became of a campaign whose answer was lost. */
export async function findCampaign(account: Account, intent: WriteIntent): Promise<WriteOutcome | null> {
  const { action, id, values } = intent;
  const found =
    id === null ? await campaignsNamed(account, textOf(values.hs_name) ?? '') : await campaignOf(account, id);
  if (action === 'delete') return found.length === 0 && id !== null ? { state: 'ok', id, version: null } : null;
  const same = found.find((one) => holds(values, objectOf(one.properties)));
  return same === undefined ? null : written(intent, same, 'hs_lastmodifieddate');
}

async function campaignOf({ portal, config }: Account, id: string): Promise<JsonObject[]> {
  const query = { properties: declaredNames('campaigns').join(',') };
  const answer = await portal.ask({ path: `${config.campaignsPath}/${id}`, query, trafficClass: 'write' });
  return answer.status === 200 ? [objectOf(answer.body)] : [];
}

/** The filter of the vendor finds names that contain it. */
async function campaignsNamed({ portal, config }: Account, name: string): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  let after: string | null = null;
  do {
    const query = {
      ...{ limit: '100', name, properties: declaredNames('campaigns').join(',') },
      ...(after === null ? {} : { after }),
    };
    const page = pageOf(await portal.get({ path: config.campaignsPath, query, trafficClass: 'write' }), 'campaigns');
    found.push(...page.results.map(objectOf).filter(({ properties }) => objectOf(properties).hs_name === name));
    after = page.after === after ? null : page.after;
  } while (after !== null);
  return found;
}
