/** What works and what does not, for an operator. */
import type { CheckFinding, Json, StreamDeclaration } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Answer, Org } from './client.ts';
import { type Described, describeFields } from './describe.ts';
import { columnsOf, objectNameOf } from './queries.ts';
import { objectOf } from './records.ts';

/** Farther apart, the clocks make windows that end too early or too late. */
const MOST_SKEW_MS = 60_000;
/** Below this share of its daily calls an org will not last. */
const LOW_SHARE = 0.05;

export async function checkOrg(org: Org, streams: readonly StreamDeclaration[]): Promise<readonly CheckFinding[]> {
  // One call that needs a valid session, the API switched on and the version served.
  const first = await org.json({ path: '/limits', trafficClass: 'poll' }).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (first === null) return versionOf(org);
  const { body, answer } = first;
  const findings: CheckFinding[] = [
    { subject: 'reach', ok: true, message: 'The org answers.' },
    { subject: 'credentials', ok: true, message: 'The session is accepted and the API is on.' },
    ...limitsOf(body),
    ...clockOf(answer),
  ];
  for (const stream of streams) findings.push(...(await streamOf(org, stream)));
  return findings;
}

const isMissing = (error: unknown): boolean => error instanceof TributaryError && error.evidence.status === 404;

/** Which versions there are, when the one that is set is none of them. */
async function versionOf(org: Org): Promise<readonly CheckFinding[]> {
  const { body } = await org.json({ path: '/services/data/', trafficClass: 'poll' });
  const versions = Array.isArray(body) ? body.map((entry) => String(objectOf(entry)['version'])) : [];
  return [
    { subject: 'reach', ok: true, message: 'The org answers.' },
    {
      subject: 'version',
      ok: false,
      message: `The org does not serve version ${org.config.apiVersion} of the API; its newest is ${versions.at(-1) ?? 'unknown'}.`,
      remedy: 'Set apiVersion to one the org serves, or correct instanceUrl.',
    },
  ];
}

function limitsOf(body: Json): readonly CheckFinding[] {
  const { Max: most, Remaining: left } = objectOf(objectOf(body)['DailyApiRequests']);
  if (typeof left !== 'number') return [];
  const message = `${left} calls are left of the last 24 hours.`;
  if (left > 0 && (typeof most !== 'number' || left >= most * LOW_SHARE))
    return [{ subject: 'limits', ok: true, message }];
  return [{ subject: 'limits', ok: false, message, remedy: 'Sync less often, or get more API calls for the org.' }];
}

function clockOf({ sentAt, vendorNow, headers }: Answer): readonly CheckFinding[] {
  if (!headers.has('date')) return [];
  const apart = Math.abs(vendorNow.getTime() - sentAt.getTime());
  if (apart <= MOST_SKEW_MS) return [];
  return [
    {
      subject: 'clock',
      ok: false,
      message: `The clocks of the org and of this machine are ${Math.round(apart / 1000)} seconds apart.`,
      remedy: 'Set the clock of this machine by NTP.',
    },
  ];
}

async function streamOf(org: Org, stream: StreamDeclaration): Promise<readonly CheckFinding[]> {
  const subject = `stream:${stream.name}`;
  const object = objectNameOf(stream.name);
  let described: readonly Described[];
  try {
    described = await describeFields(org, object);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const remedy = `Give the user read access to ${object}, or leave the stream out.`;
    return [{ subject, ok: false, message: `The user does not see the object ${object}.`, remedy }];
  }
  const names = new Set(described.map(({ name }) => name));
  const missing = columnsOf(stream).filter((path) => !path.includes('.') && !names.has(path));
  return [...hidden(subject, object, missing), ...externalIdOf(org, stream, described)];
}

function hidden(subject: string, object: string, missing: readonly string[]): readonly CheckFinding[] {
  if (missing.length === 0) return [];
  return [
    {
      subject,
      ok: false,
      message: `The user does not see ${missing.join(', ')} of ${object}.`,
      remedy: `Make the fields visible, or leave them out: objects: { ${object}: { without: [${missing.join(', ')}] } }.`,
    },
  ];
}

function externalIdOf(
  { config }: Org,
  stream: StreamDeclaration,
  described: readonly Described[],
): readonly CheckFinding[] {
  const { externalIdField } = config;
  if (externalIdField === undefined || stream.writes === undefined) return [];
  const field = described.find(({ name }) => name === externalIdField);
  if (field?.isExternalId === true) return [];
  const object = objectNameOf(stream.name);
  const what = field ? 'is no external id' : 'does not exist, or is hidden from the user';
  return [
    {
      subject: `stream:${stream.name}`,
      ok: false,
      message: `The field ${externalIdField} of ${object} ${what}.`,
      remedy: `Make ${externalIdField} on ${object}: text, unique, external id, visible to the user.`,
    },
  ];
}
