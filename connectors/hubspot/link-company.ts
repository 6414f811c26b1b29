/** The main company of a contact: an association, made or taken away once the contact itself is written. */
import type { JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Account } from './account.ts';
import { listOf, objectOf } from './json.ts';
import { readLinks } from './links.ts';
import { outcomeOfError, refusal, rejected, textSent } from './outcomes.ts';
import { COMPANY_LINK } from './writes.ts';

/** "Primary company" of a contact: https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide */
const MAIN_COMPANY = { associationCategory: 'HUBSPOT_DEFINED', associationTypeId: 1 } as const;

type Ok = Extract<WriteOutcome, { state: 'ok' }>;
type Linked = { readonly intent: WriteIntent; readonly contact: Ok; readonly company: string };

/** Takes the outcome of a contact back where its company could not be linked: written it is, but not as it was meant. */
export async function linkCompanies(
  account: Account,
  intents: readonly WriteIntent[],
  outcomes: Map<WriteIntent, WriteOutcome>,
): Promise<void> {
  const wanted = intents.flatMap((intent): Linked[] => {
    const contact = outcomes.get(intent);
    const company = intent.values[COMPANY_LINK];
    if (contact?.state !== 'ok' || intent.action === 'delete' || company === undefined) return [];
    return [{ intent, contact, company: textSent(company) }];
  });
  for (const one of wanted) {
    const outcome = await linkOne(account, one).catch((error: unknown) => outcomeOf(error, one));
    outcomes.set(one.intent, outcome);
  }
}

async function linkOne(account: Account, { contact, company }: Linked): Promise<WriteOutcome> {
  const has = (await readLinks(account, 'contacts', [contact.id], 'write')).of(contact.id).companies ?? [];
  const stored = { ...contact.stored, [COMPANY_LINK]: company || null };
  const [main] = has;
  if ((main ?? '') === company) return { ...contact, stored };
  const { portal, config } = account;
  const path = `${config.associationsPath}/contacts/companies/batch`;
  const inputs: JsonObject[] =
    company === ''
      ? [{ from: { id: contact.id }, to: has.map((id) => ({ id })) }]
      : [{ from: { id: contact.id }, to: { id: company }, types: [MAIN_COMPANY] }];
  const verb = company === '' ? 'archive' : 'create';
  const answer = await portal.ask({ method: 'POST', path: `${path}/${verb}`, body: { inputs }, trafficClass: 'write' });
  const [error] = listOf(objectOf(answer.body).errors).map(objectOf);
  if (answer.status >= 200 && answer.status < 300 && error === undefined) return { ...contact, stored };
  return { ...refusal(error ?? objectOf(answer.body), answer.status), fields: [COMPANY_LINK], existingId: contact.id };
}

function outcomeOf(error: unknown, { contact }: Linked): WriteOutcome {
  if (!(error instanceof TributaryError)) throw error;
  // To try again is to update the contact that is there now.
  return (
    outcomeOfError(error) ?? {
      ...rejected(error.code, error.message, [COMPANY_LINK]),
      ...{ retry: 'transient', existingId: contact.id },
    }
  );
}
