/** What works and what does not, for an operator. */
import type { CheckFinding } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Account } from './account.ts';
import type { Answer, Call } from './client.ts';
import { isObject, objectOf } from './json.ts';
import { isObjectStream } from './objects.ts';
import { isUnique } from './properties.ts';

/** Farther apart, the clocks make windows that end too early or too late. */
const MOST_SKEW_MS = 60_000;

/** Scopes by stream: https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/scopes */
export const SCOPES: Readonly<Record<string, string>> = {
  contacts: 'crm.objects.contacts.read',
  companies: 'crm.objects.companies.read',
  deals: 'crm.objects.deals.read',
  products: 'e-commerce',
  line_items: 'crm.objects.line_items.read',
  form_submissions: 'forms',
  campaigns: 'marketing.campaigns.read',
};

export async function checkAccount(account: Account): Promise<readonly CheckFinding[]> {
  // One call that needs a valid token.
  const first = await account.portal.ask(probeOf(account, 'contacts')).catch(unlessScope);
  if (first !== null && !(isObject(first.body) && Array.isArray(first.body.results)))
    return [
      {
        ...{ subject: 'reach', ok: false, message: 'Something answers, but not like HubSpot.' },
        remedy: 'Check baseUrl and objectsPath.',
      },
    ];
  const findings: CheckFinding[] = [
    { subject: 'reach', ok: true, message: 'HubSpot answers.' },
    first === null
      ? missing('contacts')
      : { subject: 'credentials', ok: true, message: 'The token may read contacts.' },
    ...(first === null ? [] : clockOf(account, first)),
  ];
  for (const stream of Object.keys(SCOPES).slice(1)) {
    const answer = await account.portal.ask(probeOf(account, stream)).catch(unlessScope);
    if (answer === null) findings.push(missing(stream));
    else if (answer.status !== 200) findings.push(unread(stream, answer));
  }
  return [...findings, ...(await accountOf(account)), ...(await uniqueOf(account))];
}

const probeOf = ({ config }: Account, stream: string): Call => ({
  path: isObjectStream(stream)
    ? `${config.objectsPath}/${stream}`
    : stream === 'campaigns'
      ? config.campaignsPath
      : config.formsPath,
  ...{ query: { limit: '1' }, trafficClass: 'poll' },
});

/** `null`: the token is good, and lacks a scope. */
function unlessScope(error: unknown): null {
  if (error instanceof TributaryError && error.evidence.status === 403) return null;
  throw error;
}

const missing = (stream: string): CheckFinding => ({
  ...{ subject: `stream:${stream}`, ok: false, message: `The token may not read ${stream}.` },
  remedy: `Give it the scope ${SCOPES[stream]}, or leave the stream out${stream === 'campaigns' ? '; campaigns need Marketing Hub Professional' : ''}.`,
});

const unread = (stream: string, { status }: Answer): CheckFinding => ({
  ...{ subject: `stream:${stream}`, ok: false, message: `HubSpot answered HTTP ${status} for ${stream}.` },
  remedy: 'Check the paths in the settings.',
});

function clockOf({ context }: Account, { date }: Answer): readonly CheckFinding[] {
  const apart = Date.parse(date ?? '') - context.clock.now().getTime();
  if (!(Math.abs(apart) > MOST_SKEW_MS)) return [];
  return [
    {
      ...{ subject: 'clock', ok: false },
      message: `The clocks of HubSpot and of this machine are ${Math.round(Math.abs(apart) / 1000)} seconds apart.`,
      remedy: 'Set the clock of this machine by NTP.',
    },
  ];
}

/** Whose token it is, where webhooks tell accounts apart by number. */
async function accountOf({ config, portal }: Account): Promise<readonly CheckFinding[]> {
  if (config.portalId === undefined) return [];
  const answer = await portal.ask({ path: config.detailsPath, trafficClass: 'poll' }).catch(unlessScope);
  const id = objectOf(answer?.body ?? null).portalId;
  if (typeof id !== 'number' || id === config.portalId) return [];
  return [
    {
      ...{ subject: 'credentials', ok: false, message: `The token is of account ${id}, not of ${config.portalId}.` },
      remedy: 'Correct portalId, or use a token of the other account.',
    },
  ];
}

/** A property that is not unique finds several records, and upserts none. */
async function uniqueOf({ config, properties }: Account): Promise<readonly CheckFinding[]> {
  const findings: CheckFinding[] = [];
  for (const [stream, name] of Object.entries(config.uniqueProperties ?? {})) {
    if (!isObjectStream(stream) || (await isUnique(properties, stream, name))) continue;
    findings.push({
      ...{ subject: `stream:${stream}`, ok: false, message: `The property ${name} of ${stream} is not unique.` },
      remedy: 'Name one that was made with "require unique values", or leave uniqueProperties out.',
    });
  }
  return findings;
}
