/** What became of an intent whose answer was lost. */
import { type JsonObject, unsupported, type WriteIntent, type WriteOutcome } from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { objectsIn } from './batch.ts';
import { objectOf, pageOf } from './json.ts';
import { readLinks } from './links.ts';
import { isWriteStream, matchOf, type WriteStream } from './match.ts';
import { OBJECTS } from './objects.ts';
import { holds, textSent, written } from './outcomes.ts';
import { findCampaign } from './write-campaign.ts';
import { COMPANY_LINK } from './writes.ts';

/** `null`: it was not carried out, or not as it was meant. */
export function find(account: Account, intent: WriteIntent): Promise<WriteOutcome | null> {
  const { stream } = intent;
  if (stream === 'campaigns') return findCampaign(account, intent);
  if (isWriteStream(stream)) return findObject(account, stream, intent);
  return Promise.reject(unsupported('hubspot', `look up writes of the stream ${stream}`));
}

async function findObject(account: Account, stream: WriteStream, intent: WriteIntent): Promise<WriteOutcome | null> {
  const { action, id, values } = intent;
  const match = matchOf(account.config, stream, values);
  const names = Object.keys(values).filter((name) => name !== COMPANY_LINK);
  const found = await locate();
  if (action === 'delete') return found.length === 0 && id !== null ? { state: 'ok', id, version: null } : null;
  for (const object of found) {
    const company = COMPANY_LINK in values ? { [COMPANY_LINK]: await companyOf(account, object) } : {};
    const has = { ...objectOf(object.properties), ...company };
    if (!holds(values, has)) continue;
    const outcome = written(intent, object, OBJECTS[stream].modified);
    return outcome.state === 'ok' ? { ...outcome, stored: { ...outcome.stored, ...company } } : outcome;
  }
  return null;

  function locate(): Promise<readonly JsonObject[]> {
    if (id !== null) return read(account, stream, names, { id });
    if (match !== null) return read(account, stream, names, { id: match.value, idProperty: match.idProperty });
    return searched(account, stream, names, values);
  }
}

async function read(
  { portal, config }: Account,
  stream: WriteStream,
  properties: readonly string[],
  { id, idProperty }: { readonly id: string; readonly idProperty?: string },
): Promise<readonly JsonObject[]> {
  const answer = await portal.ask({
    ...{ method: 'POST', path: `${config.objectsPath}/${stream}/batch/read`, trafficClass: 'write' },
    body: {
      inputs: [{ id }],
      ...{ properties: [...properties], propertiesWithHistory: [] },
      ...(idProperty === undefined ? {} : { idProperty }),
    },
  });
  return objectsIn(answer, stream).map(objectOf);
}

// Fields in a filter group, at most; the smallest number told.
const MOST_FILTERS = 3;

/** Without anything unique, by what it says. The index trails: that nothing is found means nothing before the stream's lag is over. */
async function searched(
  { portal, config }: Account,
  stream: WriteStream,
  properties: readonly string[],
  values: JsonObject,
): Promise<readonly JsonObject[]> {
  const filters = properties
    .filter((name) => textSent(values[name] ?? null) !== '')
    .slice(0, MOST_FILTERS)
    .map((name) => ({ propertyName: name, operator: 'EQ', value: textSent(values[name] ?? null) }));
  if (filters.length === 0) return [];
  const path = `${config.objectsPath}/${stream}/search`;
  const body = { filterGroups: [{ filters }], properties: [...properties], limit: 100 };
  const answer = await portal.get({ method: 'POST', path, body, trafficClass: 'write', budget: 'search' });
  return pageOf(answer, stream).results.map(objectOf);
}

async function companyOf(account: Account, object: JsonObject): Promise<string | null> {
  const id = String(object.id);
  return (await readLinks(account, 'contacts', [id], 'write')).of(id).companies?.[0] ?? null;
}
