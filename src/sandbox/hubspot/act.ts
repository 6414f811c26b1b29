/** What people do in the CRM. The SKU of an action is the e-mail address of a contact. */
import type { SandboxAction } from '../system.ts';
import type { Entry, Portal } from './portal.ts';

const STATUSES = ['NEW', 'OPEN', 'IN_PROGRESS', 'CONNECTED'];

/** @throws RangeError when nobody has that address, or the CRM has no such thing */
export function act(portal: Portal, { kind, sku, quantity = 1 }: SandboxAction): void {
  if (kind === 'restock') throw new RangeError('HubSpot holds no stock; it can buy, edit or delete');
  const contact = person(portal, sku);
  if (kind === 'delete') portal.archive('contacts', contact.id);
  else if (kind === 'edit') edit(portal, contact);
  else buy(portal, contact, quantity);
}

function edit(portal: Portal, { id, properties }: Entry): void {
  const next = STATUSES[(STATUSES.indexOf(properties['hs_lead_status'] ?? '') + 1) % STATUSES.length] ?? 'OPEN';
  portal.update('contacts', id, { hs_lead_status: next });
}

/** A deal that is won, with its line, linked to its buyer and their company. */
function buy(portal: Portal, contact: Entry, quantity: number): void {
  const [product] = portal.all('products');
  if (!product) throw new RangeError('the account has no product to sell');
  const { name = 'Product', price = '0', hs_sku = '' } = product.properties;
  const closedate = new Date(portal.now()).toISOString();
  const deal = portal.create('deals', {
    ...{
      dealname: `${name} for ${contact.properties['firstname'] ?? ''}`,
      amount: (Number(price) * quantity).toFixed(2),
    },
    ...{ deal_currency_code: 'EUR', pipeline: 'default', dealstage: 'closedwon', dealtype: 'newbusiness', closedate },
  });
  const line = portal.create('line_items', {
    ...{ name, hs_sku, price, hs_product_id: product.id, quantity: String(quantity) },
    hs_line_item_currency_code: 'EUR',
  });
  portal.link(['deals', deal], ['line_items', line]);
  portal.link(['deals', deal], ['contacts', contact.id]);
  const [company] = portal.linked(['contacts', contact.id], 'companies');
  if (company) portal.link(['deals', deal], ['companies', company[0]]);
  portal.update('contacts', contact.id, { lifecyclestage: 'customer' });
}

function person(portal: Portal, email: string): Entry {
  const all = portal.all('contacts');
  const found = all.find(({ properties }) => properties['email'] === email.toLowerCase());
  if (found) return found;
  const some = all.slice(0, 3).map(({ properties }) => properties['email']);
  throw new RangeError(`no contact has the address ${email}; there are ${all.length}, such as ${some.join(', ')}`);
}
