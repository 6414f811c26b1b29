/** What somebody does in the shop, and what tests do to its records. */
import type { Json } from '../../connector/contract.ts';
import type { Change, SandboxAction, VendorSystem } from '../system.ts';
import { changeLevels, deleteProduct, itemNamed, makeOrder, tellDelete, touchProduct } from './changes.ts';
import { gid, type Shop, type TableName, type Times } from './shop.ts';

export async function act(shop: Shop, { kind, sku, quantity = 1 }: SandboxAction): Promise<void> {
  const item = itemNamed(shop, sku);
  const product = shop.latest('products', item.data.productId);
  if (kind === 'delete') return deleteProduct(shop, item.data.productId);
  if (kind === 'edit') {
    const title = `${product?.title.replace(/ \(edited \d+\)$/, '') ?? sku} (edited ${shop.nextNumber() % 10_000})`;
    return touchProduct(shop, item.data.productId, { title });
  }
  if (kind === 'restock') {
    const [level] = item.data.levels;
    return level ? changeLevels(shop, item.id, [{ locationId: level.locationId, available: quantity }]) : undefined;
  }
  const buyer = [...shop.all('customers')][shop.nextNumber() % 20];
  const variantId = item.data.variantId;
  makeOrder(
    shop,
    {
      ...{
        email: buyer?.data.email ?? null,
        name: null,
        note: null,
        currency: 'EUR',
        financialStatus: 'PAID',
        tags: [],
      },
      ...{ sourceIdentifier: null, sourceName: 'web', processedAt: null, shippingAddress: null },
      lines: [{ sku, title: null, quantity, variantId, price: null }],
    },
    { movesStock: true },
  );
}

/** Where a stream keeps its records, and which field of them holds a marker. */
const KEPT = {
  products: { table: 'products', marker: 'title', subject: 'Product' },
  inventory: { table: 'inventory', marker: 'sku', subject: 'InventoryItem' },
  locations: { table: 'locations', marker: 'name', subject: 'Location' },
  orders: { table: 'orders', marker: 'note', subject: 'Order' },
  customers: { table: 'customers', marker: 'lastName', subject: 'Customer' },
  marketing_events: { table: 'campaigns', marker: 'title', subject: 'MarketingEvent' },
} as const satisfies Readonly<Record<string, { table: TableName; marker: string; subject: string }>>;

export const STREAMS = Object.keys(KEPT);

function keptOf(stream: string): (typeof KEPT)[keyof typeof KEPT] {
  const found = Object.entries(KEPT).find(([name]) => name === stream)?.[1];
  if (!found) throw new RangeError(`there is no stream ${stream}; there are ${STREAMS.join(', ')}`);
  return found;
}

export async function change(shop: Shop, wanted: Change): Promise<string> {
  const { table, marker, subject } = keptOf(wanted.stream);
  const times = timesOf(shop, wanted.stamp);
  if (wanted.kind === 'create') return create(shop, table, wanted.marker, times);
  const id = Number(wanted.id);
  if (wanted.kind === 'update') {
    const known = shop.latest(table, id);
    if (!known) throw new RangeError(`${wanted.stream} has no record ${wanted.id}`);
    shop.put(table, id, { ...known, [marker]: wanted.marker }, times);
    shop.listener(`${topicOf(table)}/update${table === 'orders' ? 'd' : ''}`, {
      id,
      admin_graphql_api_id: gid(subject, id),
    });
    return wanted.id;
  }
  if (table === 'products') deleteProduct(shop, id, times);
  else if (table === 'inventory') deleteItem(shop, id, times);
  else {
    shop.remove(table, id, times);
    if (table === 'orders' || table === 'customers') tellDelete(shop, subject.toUpperCase(), gid(subject, id), times);
    shop.listener(`${topicOf(table)}/delete`, { id, admin_graphql_api_id: gid(subject, id) });
  }
  return wanted.id;
}

/** An item goes with its variant, the last variant with its product. */
function deleteItem(shop: Shop, id: number, times: Times): void {
  const productId = shop.latest('inventory', id)?.productId ?? 0;
  const variants = shop.latest('products', productId)?.variants.filter(({ itemId }) => itemId !== id) ?? [];
  if (variants.length === 0) deleteProduct(shop, productId, times);
  else {
    shop.remove('inventory', id, times);
    touchProduct(shop, productId, { variants }, times);
  }
}

const topicOf = (table: TableName): string => (table === 'inventory' ? 'inventory_items' : table);

function timesOf(shop: Shop, stamp: Change['stamp']): Times {
  const now = shop.now();
  return { at: stamp?.at?.getTime() ?? now, visibleAt: stamp?.visibleAt?.getTime() ?? stamp?.at?.getTime() ?? now };
}

function create(shop: Shop, table: TableName, marker: string, times: Times): string {
  if (table === 'products' || table === 'inventory') return createProduct(shop, table, marker, times);
  const id = shop.nextNumber();
  const common = { at: times.at, visibleAt: times.visibleAt };
  if (table === 'locations') shop.put('locations', id, { name: marker, isActive: true, city: 'Berlin' }, common);
  if (table === 'customers')
    shop.put(
      'customers',
      id,
      {
        ...{ firstName: 'Kim', lastName: marker, email: `kim.${id}@example.com`, phone: '', note: null },
        ...{ company: '', street: '', city: '', zip: '', isSubscribed: false },
      },
      common,
    );
  if (table === 'campaigns')
    shop.put(
      'campaigns',
      id,
      {
        ...{
          title: marker,
          remoteId: marker,
          tactic: 'NEWSLETTER',
          channel: 'EMAIL',
          status: 'ACTIVE',
          startedAt: times.at,
        },
        ...{ endedAt: null, scheduledToEndAt: null, url: null, budget: null, utm: null },
      },
      common,
    );
  if (table === 'orders')
    return String(
      makeOrder(
        shop,
        {
          ...{
            email: null,
            name: null,
            note: marker,
            currency: 'EUR',
            financialStatus: 'PAID',
            tags: [],
            sourceName: 'web',
          },
          ...{ sourceIdentifier: null, processedAt: null, shippingAddress: null },
          lines: [{ sku: null, title: 'Gift wrap', quantity: 1, variantId: null, price: '2.00' }],
        },
        { movesStock: false, times },
      ),
    );
  shop.listener(`${topicOf(table)}/create`, { id });
  return String(id);
}

function createProduct(shop: Shop, table: 'products' | 'inventory', marker: string, times: Times): string {
  const [productId, variantId, itemId] = [shop.nextNumber(), shop.nextNumber(), shop.nextNumber()];
  const isItem = table === 'inventory';
  const sku = isItem ? marker : `NEW-${productId}`;
  const levels = [...shop.all('locations')]
    .slice(0, 1)
    .map(({ id: locationId }) => ({ locationId, available: 3, committed: 0, updatedAt: times.at }));
  shop.put('inventory', itemId, { sku, variantId, productId, cost: null, levels }, times);
  shop.put(
    'products',
    productId,
    {
      ...{
        title: isItem ? `Product of ${marker}` : marker,
        handle: `new-${productId}`,
        descriptionHtml: '',
        vendor: 'Fernweh',
      },
      ...{ productType: '', category: null, status: 'ACTIVE', tags: [] },
      variants: [
        {
          ...{
            id: variantId,
            itemId,
            sku,
            barcode: null,
            title: 'Default Title',
            price: '10.00',
            compareAtPrice: null,
          },
          ...{ position: 1, options: [{ name: 'Title', value: 'Default Title' }], weightGrams: 100 },
          ...{ createdAt: times.at, updatedAt: times.at },
        },
      ],
    },
    times,
  );
  shop.listener('products/create', { id: productId, admin_graphql_api_id: gid('Product', productId) });
  return String(isItem ? itemId : productId);
}

export function truth(shop: Shop, stream: string): ReadonlyMap<string, string> {
  const { table, marker } = keptOf(stream);
  return new Map([...shop.all(table)].map(({ id, data }) => [String(id), String(Reflect.get(data, marker) ?? '')]));
}

export const marker: VendorSystem['marker'] = (stream, record: Json) => {
  // What an activity calls its title is the description of its event.
  const name = stream === 'marketing_events' ? 'description' : keptOf(stream).marker;
  return typeof record === 'object' && record !== null && !Array.isArray(record) ? String(record[name] ?? '') : '';
};
