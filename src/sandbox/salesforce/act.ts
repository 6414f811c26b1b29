/** What people do in the CRM. The SKU of an action is the e-mail address of a person. */
import type { SandboxAction } from '../system.ts';
import { OBJECTS, type SfObject } from './objects.ts';
import type { Org, Row } from './org.ts';

const WORDS = ['Open - Not Contacted', 'Working - Contacted', 'Closed - Not Converted'];
const UNIT_PRICE = 100;

/** @throws RangeError when nobody has that address, or the CRM has no such thing */
export function act(org: Org, action: SandboxAction): void {
  if (action.kind === 'restock') throw new RangeError('Salesforce holds no stock; it can buy, edit or delete');
  const lead = person(org, 'Lead', action.sku);
  if (action.kind === 'delete') org.remove(named('Lead'), lead.id);
  else if (action.kind === 'edit') edit(org, lead);
  else buy(org, lead, action.quantity ?? 1);
}

function edit(org: Org, lead: Row): void {
  const next = WORDS[(WORDS.indexOf(String(lead.values['Status'])) + 1) % WORDS.length] ?? null;
  org.update(named('Lead'), lead.id, { Status: next, Score__c: Number(lead.values['Score__c'] ?? 0) + 1 });
}

function buy(org: Org, lead: Row, quantity: number): void {
  const today = new Date(org.now()).toISOString().slice(0, 10);
  org.create(named('Opportunity'), {
    ...{ Name: `${String(lead.values['Company'])} ${today}`, StageName: 'Closed Won', CloseDate: today },
    ...{ Amount: UNIT_PRICE * quantity, Probability: 100 },
  });
  org.update(named('Lead'), lead.id, { Status: 'Working - Contacted' });
}

function person(org: Org, object: string, email: string): Row {
  const rows = org.rows(named(object));
  const found = rows.find(({ values }) => values['Email'] === email.toLowerCase());
  if (found) return found;
  const some = rows.slice(0, 3).map(({ values }) => String(values['Email']));
  throw new RangeError(`no lead has the address ${email}; there are ${rows.length}, such as ${some.join(', ')}`);
}

function named(name: string): SfObject {
  const object = OBJECTS.get(name);
  if (!object) throw new RangeError(`there is no object ${name}`);
  return object;
}
