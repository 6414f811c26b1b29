/** Reads single records again. What is gone, or answers under another id because it was merged, comes back as a tombstone. */
import { type Json, type Page, type Tombstone, unsupported } from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { objectsIn } from './batch.ts';
import { campaignRecords } from './campaigns.ts';
import { refused } from './client.ts';
import { findId } from './ids.ts';
import { objectOf, textOf } from './json.ts';
import { readLinks } from './links.ts';
import { isObjectStream, MOST_LISTED, type ObjectStream } from './objects.ts';
import { type Parts, recordsOf } from './records.ts';
import { declaredNames } from './streams.ts';
import { submissionsById } from './submissions.ts';

export async function readIds(account: Account, stream: string, ids: readonly string[]): Promise<Page> {
  const observedAt = account.context.clock.now();
  const parts = await partsOf(account, stream, [...new Set(ids)]);
  return {
    ...parts,
    ...{ window: { id: `ids ${observedAt.toISOString()}`, kind: 'delta', scope: stream }, observedAt },
    ...{ next: null, complete: false, expected: null, notBefore: null, context: {} },
  };
}

function partsOf(account: Account, stream: string, ids: readonly string[]): Promise<Parts> {
  if (isObjectStream(stream)) return objectsById(account, stream, ids);
  if (stream === 'campaigns') return campaignsById(account, ids);
  if (stream === 'form_submissions') return submissionsById(account, ids);
  return Promise.reject(unsupported('hubspot', `read the stream ${stream}`));
}

async function objectsById(account: Account, stream: ObjectStream, ids: readonly string[]): Promise<Parts> {
  const { portal, config, properties } = account;
  const asked = await properties.asked(stream);
  const objects: Json[] = [];
  for (let at = 0; at < ids.length; at += MOST_LISTED) {
    const inputs = ids.slice(at, at + MOST_LISTED).map((id) => ({ id }));
    const answer = await portal.ask({
      ...{ method: 'POST', path: `${config.objectsPath}/${stream}/batch/read`, trafficClass: 'webhook' },
      body: { inputs, properties: [...asked], propertiesWithHistory: [] },
    });
    objects.push(...objectsIn(answer, stream));
  }
  // Winners of merges may come once for each of those that they took the place of.
  const byId = new Map(objects.map((object) => [findId(object), object]));
  const there = [...byId].flatMap(([id, object]) =>
    id === null || objectOf(object).archived === true ? [] : [object],
  );
  const links = await readLinks(
    account,
    stream,
    there.flatMap((object) => findId(object) ?? []),
    'webhook',
  );
  const parts = recordsOf(stream, there, asked, links);
  const isThere = new Set([...parts.records, ...parts.problems].map(({ id }) => id));
  const isMerged = new Set(parts.tombstones.map(({ id }) => id));
  const gone = ids.filter((id) => !isThere.has(id) && !isMerged.has(id));
  return { ...parts, tombstones: [...parts.tombstones, ...gone.map((id): Tombstone => ({ id, version: null }))] };
}

async function campaignsById({ portal, config }: Account, ids: readonly string[]): Promise<Parts> {
  const found: Json[] = [];
  const tombstones: Tombstone[] = [];
  for (const id of ids) {
    const query = { properties: declaredNames('campaigns').join(',') };
    const answer = await portal.ask({ path: `${config.campaignsPath}/${id}`, query, trafficClass: 'webhook' });
    if (answer.status === 404) tombstones.push({ id, version: null });
    else if (answer.status !== 200 || textOf(objectOf(answer.body).id) === null) throw refused(answer);
    else found.push(answer.body);
  }
  return { ...campaignRecords(found), tombstones };
}
