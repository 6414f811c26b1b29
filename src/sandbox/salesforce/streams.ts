/** The org seen by streams, as the connector names them: for changes by tests, and for what a perfect reader would know. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { Change } from '../system.ts';
import { longId } from './ids.ts';
import { OBJECTS, type SfObject } from './objects.ts';
import type { Org } from './org.ts';

/** API name of the object behind each stream. */
export const OBJECT_OF: Readonly<Record<string, string>> = {
  leads: 'Lead',
  contacts: 'Contact',
  accounts: 'Account',
  opportunities: 'Opportunity',
  campaigns: 'Campaign',
  campaign_members: 'CampaignMember',
  products: 'Product2',
};

const MARKER = 'Description';
/** A member has no free text but its status. */
const markerField = (stream: string): string => (stream === 'campaign_members' ? 'Status' : MARKER);

/** Carries a change out; gives the id of the record. */
export function changeRecord(org: Org, change: Change): string {
  const object = objectOf(change.stream);
  if (change.kind === 'create') return org.create(object, fresh(org, change.stream, change.marker), change.stamp);
  if (change.kind === 'update')
    org.update(object, change.id, { [markerField(change.stream)]: change.marker }, change.stamp);
  else org.remove(object, change.id, { ...change.stamp, isHard: isPurged(change.id) });
  return longId(change.id);
}

// Some are gone from the recycle bin as well, and only the delete log names them.
const isPurged = (id: string): boolean => id.charCodeAt(14) % 4 === 0;

/** Markers of all records that are there, by id. */
export function markers(org: Org, stream: string): ReadonlyMap<string, string> {
  const rows = org.rows(objectOf(stream));
  return new Map(rows.map(({ id, values }) => [id, String(values[markerField(stream)] ?? '')]));
}

export function markerIn(stream: string, record: Json): string {
  const value =
    typeof record === 'object' && record !== null && !Array.isArray(record) ? record[markerField(stream)] : null;
  return typeof value === 'string' ? value : '';
}

function fresh(org: Org, stream: string, marker: string): JsonObject {
  switch (stream) {
    case 'leads':
      return { LastName: 'Marked', Company: 'Marked', Description: marker };
    case 'contacts':
      return { LastName: 'Marked', Description: marker };
    case 'opportunities':
      return { Name: 'Marked', StageName: 'Prospecting', CloseDate: '2026-12-31', Description: marker };
    case 'campaign_members': {
      // A lead is in a campaign once: each member gets a lead of its own.
      const lead = org.create(objectOf('leads'), { LastName: 'Member', Company: 'Marked' });
      const [campaign] = org.rows(objectOf('campaigns'));
      const campaignId = campaign?.id ?? org.create(objectOf('campaigns'), { Name: 'Marked' });
      return { CampaignId: campaignId, LeadId: lead, Status: marker };
    }
    default:
      return { Name: 'Marked', Description: marker };
  }
}

function objectOf(stream: string): SfObject {
  const object = OBJECTS.get(OBJECT_OF[stream] ?? '');
  if (!object) throw new RangeError(`there is no stream ${stream}; there are: ${Object.keys(OBJECT_OF).join(', ')}`);
  return object;
}
