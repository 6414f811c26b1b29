/** Objects by list: all of them in order of their ids, without an end to how many, with what they are linked to. */
import type { Json, TrafficClass } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Account } from './account.ts';
import { pageOf } from './json.ts';
import { linksOfList } from './links.ts';
import { MOST_LISTED, OBJECTS, type ObjectStream } from './objects.ts';
import { MERGED_IDS, type Parts, recordsOf } from './records.ts';

export type ListRequest = {
  readonly stream: ObjectStream;
  readonly after: string | null;
  readonly pageSize: number;
  readonly trafficClass: TrafficClass;
};

/** One answer. `after` `null`: it was the last. */
export type ListPage = Parts & { readonly after: string | null; readonly observedAt: Date };

/** https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/get-crm-v3-objects-contacts */
export async function listPage(account: Account, request: ListRequest): Promise<ListPage> {
  const { stream, trafficClass } = request;
  const asked = await account.properties.asked(stream);
  const observedAt = account.context.clock.now();
  const { results, after } = await list(account, request, {
    properties: asked,
    associations: OBJECTS[stream].links,
    archived: 'false',
  });
  const links = await linksOfList(account, stream, results, trafficClass);
  return { ...recordsOf(stream, results, asked, links), after, observedAt };
}

export type Archived = { readonly objects: readonly Json[]; readonly after: string | null; readonly observedAt: Date };

/**
 * The recycle bin, which holds what was deleted within 90 days. It cannot be asked for what is new in it. Of its objects no more is
 * asked for than which others were merged into them.
 */
export async function archivedPage(account: Account, request: ListRequest): Promise<Archived> {
  const asked = await account.properties.asked(request.stream);
  const observedAt = account.context.clock.now();
  const properties = asked.filter((name) => name === MERGED_IDS);
  const { results, after } = await list(account, request, { properties, archived: 'true' });
  return { objects: results, after, observedAt };
}

async function list(
  { portal, config }: Account,
  { stream, after, pageSize, trafficClass }: ListRequest,
  query: Readonly<Record<string, string | readonly string[]>>,
) {
  const limit = String(Math.min(pageSize, MOST_LISTED));
  const path = `${config.objectsPath}/${stream}`;
  const behind = after === null ? {} : { after };
  const page = pageOf(await portal.get({ path, query: { limit, ...behind, ...query }, trafficClass }), stream);
  if (page.after !== null && page.after === after)
    throw new TributaryError('ERR_CONNECTOR_PROTOCOL', `HubSpot lists the same page of ${stream} again and again.`, {
      evidence: { stream },
    });
  return page;
}
