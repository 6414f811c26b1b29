/** The account seen by streams, as the connector names them: for changes by tests, and for what a perfect reader would know. */
import type { Json } from '../../connector/contract.ts';
import type { Change, Stamp } from '../system.ts';
import { KINDS, type Kind } from './definitions.ts';
import { type Marketing, submissionId } from './marketing.ts';
import type { Portal } from './portal.ts';
import { asList, asObject, asText } from './shapes.ts';

/** Submissions never change once they are made; so they are known to `change` and `truth`, and not listed here. */
export const MARKED_STREAMS: readonly string[] = [...KINDS, 'campaigns'];

const FIELDS: Readonly<Record<Kind | 'campaigns', string>> = {
  contacts: 'jobtitle',
  companies: 'address',
  deals: 'dealname',
  products: 'description',
  line_items: 'name',
  campaigns: 'hs_notes',
};
const FRESH: Readonly<Record<Kind, Readonly<Record<string, string>>>> = {
  contacts: { firstname: 'Marked' },
  companies: { name: 'Marked' },
  deals: { dealstage: 'qualifiedtobuy', pipeline: 'default' },
  products: { name: 'Marked', price: '1.00' },
  line_items: { quantity: '1', price: '1.00' },
};

const isKind = (stream: string): stream is Kind => KINDS.some((kind) => kind === stream);

/** Carries a change out; gives the id of the record. */
export function changeRecord(portal: Portal, marketing: Marketing, change: Change): string {
  if (isKind(change.stream)) return changeObject(portal, change.stream, change);
  if (change.stream === 'campaigns') return changeCampaign(marketing, change);
  return changeSubmission(marketing, change);
}

function changeObject(portal: Portal, kind: Kind, change: Change): string {
  if (change.kind === 'create') {
    const email = kind === 'contacts' ? { email: `marked${portal.all(kind).length}@example.com` } : {};
    return portal.create(kind, { ...FRESH[kind], ...email, [FIELDS[kind]]: change.marker }, change.stamp);
  }
  if (change.kind === 'update') portal.update(kind, change.id, { [FIELDS[kind]]: change.marker }, change.stamp);
  else portal.archive(kind, change.id, change.stamp);
  return change.id;
}

function changeCampaign(marketing: Marketing, change: Change): string {
  if (change.kind === 'create')
    return marketing.addCampaign({ hs_name: 'Marked', hs_notes: change.marker }, change.stamp);
  if (change.kind === 'update') marketing.changeCampaign(change.id, { hs_notes: change.marker }, change.stamp);
  else marketing.removeCampaign(change.id);
  return change.id;
}

function changeSubmission(marketing: Marketing, change: Change): string {
  if (change.stream !== 'form_submissions')
    throw new RangeError(`there is no stream ${change.stream}; there are: ${MARKED_STREAMS.join(', ')}`);
  if (change.kind === 'create') return submissionId(marketing.form(), submit(marketing, change.marker, change.stamp));
  if (change.kind === 'update') throw new RangeError('a submission never changes');
  const [form = ''] = change.id.split('/');
  const left = marketing.submissions(form).filter((one) => submissionId(form, one) !== change.id);
  marketing.setSubmissions(form, left);
  return change.id;
}

const submit = (marketing: Marketing, marker: string, stamp?: Stamp) =>
  marketing.submit(marketing.form(), { email: 'marked@example.com', message: marker }, stamp);

/** Markers of all records that are there, by id. */
export function markers(portal: Portal, marketing: Marketing, stream: string): ReadonlyMap<string, string> {
  if (isKind(stream))
    return new Map(portal.all(stream).map(({ id, properties }) => [id, properties[FIELDS[stream]] ?? '']));
  if (stream === 'campaigns')
    return new Map(marketing.campaigns().map(({ id, values }) => [id, asText(values['hs_notes'])]));
  const sent = marketing
    .forms()
    .flatMap((form) => marketing.submissions(form).map((one) => [submissionId(form, one), one] as const));
  return new Map(sent.map(([id, { values }]) => [id, values.find(({ name }) => name === 'message')?.value ?? '']));
}

export function markerIn(stream: string, record: Json): string {
  if (stream !== 'form_submissions')
    return asText(asObject(asObject(record)['properties'])[FIELDS[isKind(stream) ? stream : 'campaigns']]);
  const message = asList(asObject(record)['values'])
    .map(asObject)
    .find((value) => value['name'] === 'message');
  return asText(message?.['value']);
}
