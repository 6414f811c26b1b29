/** The root fields of mutations that connectors use; any other is refused as a missing scope would be. */
import { GraphQLError, type GraphQLResolveInfo, Kind } from 'graphql';
import { type BulkOperations, bulkView, cancelBulk } from './bulk.ts';
import {
  changeLevels,
  deleteCampaign,
  inputOfCampaign,
  isInStock,
  makeOrder,
  type OrderWish,
  putCampaign,
} from './changes.ts';
import { type Args, badRequest, type Execution, type View } from './connection.ts';
import { gid, numberOf } from './shop.ts';
import { hookView, itemView, locationView, marketingActivityView, orderView } from './views.ts';

type UserError = { readonly field: readonly string[] | null; readonly message: string; readonly code?: string };
type Mutation = (args: Args, execution: Execution, info: GraphQLResolveInfo) => View;

const MOST_UNITS = 1_000_000_000;
const MOST_KEYS = 10_000;

/** Answers by idempotency key, as long as the system runs. */
export type Answered = Map<string, { readonly asked: string; readonly answer: View }>;

export function rootMutation(execution: Execution, bulk: BulkOperations, answered: Answered): View {
  const given = (mutation: Mutation) => (args: Args, _: unknown, info: GraphQLResolveInfo) =>
    mutation(args, execution, info);
  return {
    inventorySetQuantities: given((args, at, info) => once(answered, args, info, () => setQuantities(args, at))),
    inventoryAdjustQuantities: given((args, at, info) => once(answered, args, info, () => adjustQuantities(args, at))),
    orderCreate: given(createOrder),
    marketingActivityUpsertExternal: given(upsertActivity),
    marketingActivityUpdateExternal: given(updateActivity),
    marketingActivityDeleteExternal: given(deleteActivity),
    webhookSubscriptionCreate: given(subscribe),
    webhookSubscriptionDelete: given(unsubscribe),
    bulkOperationRunQuery: given(({ query }, at) => {
      const started = bulk.start(String(query), at);
      return 'id' in started
        ? { bulkOperation: bulkView(started, at), userErrors: [] }
        : { bulkOperation: null, userErrors: [started] };
    }),
    bulkOperationCancel: given(({ id }, at) => {
      const one = bulk.get(numberOf('BulkOperation', id) ?? 0);
      if (!one)
        return { bulkOperation: null, userErrors: [{ field: ['id'], message: 'Bulk operation does not exist' }] };
      if (cancelBulk(one, at)) return { bulkOperation: bulkView(one, at), userErrors: [] };
      return {
        bulkOperation: bulkView(one, at),
        userErrors: [{ field: null, message: 'A bulk operation cannot be canceled when it is completed' }],
      };
    }),
  };
}

/** The answer of a field that nobody here knows. */
export function refusedMutation(name: string): GraphQLError {
  return new GraphQLError(`Access denied for ${name} field.`, {
    extensions: { code: 'ACCESS_DENIED', documentation: 'https://shopify.dev/api/usage/access-scopes' },
  });
}

/** `@idempotent` is required from 2026-04 on; the same key with other words is refused, with the same ones answered again. */
function once(answered: Answered, args: Args, info: GraphQLResolveInfo, work: () => View): View {
  const directive = info.fieldNodes[0]?.directives?.find(({ name }) => name.value === 'idempotent');
  const value = directive?.arguments?.find(({ name }) => name.value === 'key')?.value;
  const key =
    value?.kind === Kind.STRING
      ? value.value
      : value?.kind === Kind.VARIABLE
        ? String(info.variableValues[value.name.value])
        : null;
  if (key === null) throw badRequest('The @idempotent directive is required for this mutation but was not provided.');
  const asked = JSON.stringify([info.fieldName, args]);
  const known = answered.get(key);
  if (known && known.asked !== asked)
    return failed([
      {
        field: null,
        message: 'The same idempotency key was used with other parameters.',
        code: 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH',
      },
    ]);
  if (known) return known.answer;
  const answer = work();
  if (answered.size >= MOST_KEYS) for (const oldest of answered.keys()) if (answered.delete(oldest)) break;
  answered.set(key, { asked, answer });
  return answer;
}

const failed = (userErrors: readonly UserError[]): View => ({ inventoryAdjustmentGroup: null, userErrors });

type Wanted = { readonly itemId: number; readonly locationId: number; readonly quantity: number };

function setQuantities(args: Args, execution: Execution): View {
  const input = objectOf(args['input']);
  const list = listOf(input['quantities']);
  if (list.length > 250)
    throw badRequest(
      `The input array size of ${list.length} is greater than the maximum allowed of 250.`,
      'MAX_INPUT_SIZE_EXCEEDED',
    );
  if (list.some((one) => !('changeFromQuantity' in one)))
    throw badRequest('InventoryQuantityInput must include the following argument: changeFromQuantity.');
  const errors: UserError[] = [];
  if (input['name'] !== 'available')
    errors.push({
      field: ['input', 'name'],
      message: "The quantity name must be either 'available' or 'on_hand'.",
      code: 'INVALID_NAME',
    });
  const pairs = list.map((one) => `${one['inventoryItemId']}/${one['locationId']}`);
  const wanted = list.map((one, at): Wanted => {
    const field = (name: string) => ['input', 'quantities', String(at), name];
    const quantity = Number(one['quantity']);
    errors.push(...problemsOfQuantity(quantity, field('quantity')));
    if (pairs.indexOf(pairs[at] ?? '') !== pairs.lastIndexOf(pairs[at] ?? ''))
      errors.push({
        field: field('locationId'),
        message: 'The combination of inventoryItemId and locationId must be unique.',
        code: 'NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR',
      });
    const found = placeOf(one, execution, field, errors);
    const was = found.available;
    if (was !== null && one['changeFromQuantity'] !== null && one['changeFromQuantity'] !== was)
      errors.push({
        field: field('changeFromQuantity'),
        message: 'The specified quantity does not match the current quantity.',
        code: 'CHANGE_FROM_QUANTITY_STALE',
      });
    return { itemId: found.itemId, locationId: found.locationId, quantity };
  });
  return errors.length > 0 ? failed(errors) : applied(wanted, String(input['reason']), input, execution);
}

function adjustQuantities(args: Args, execution: Execution): View {
  const input = objectOf(args['input']);
  const errors: UserError[] = [];
  const wanted = listOf(input['changes']).map((one, at): Wanted => {
    const field = (name: string) => ['input', 'changes', String(at), name];
    const found = placeOf(one, execution, field, errors);
    const quantity = (found.available ?? 0) + Number(one['delta']);
    errors.push(...problemsOfQuantity(quantity, field('delta')));
    return { itemId: found.itemId, locationId: found.locationId, quantity };
  });
  return errors.length > 0 ? failed(errors) : applied(wanted, String(input['reason']), input, execution);
}

function problemsOfQuantity(quantity: number, field: readonly string[]): UserError[] {
  if (quantity < 0)
    return [{ field, message: 'The quantity must be greater than or equal to 0.', code: 'INVALID_QUANTITY_NEGATIVE' }];
  return quantity > MOST_UNITS
    ? [{ field, message: "The quantity can't be higher than 1,000,000,000.", code: 'INVALID_QUANTITY_TOO_HIGH' }]
    : [];
}

function placeOf(one: Args, { shop }: Execution, field: (name: string) => string[], errors: UserError[]) {
  const itemId = numberOf('InventoryItem', one['inventoryItemId']) ?? 0;
  const locationId = numberOf('Location', one['locationId']) ?? 0;
  const item = shop.get('inventory', itemId);
  if (!item)
    errors.push({
      field: field('inventoryItemId'),
      message: 'The specified inventory item could not be found.',
      code: 'INVALID_INVENTORY_ITEM',
    });
  if (!shop.get('locations', locationId))
    errors.push({
      field: field('locationId'),
      message: 'The specified location could not be found.',
      code: 'INVALID_LOCATION',
    });
  const level = item?.data.levels.find((known) => known.locationId === locationId);
  if (item && shop.get('locations', locationId) && !level)
    errors.push({
      field: field('locationId'),
      message: 'The specified inventory item is not stocked at the location.',
      code: 'ITEM_NOT_STOCKED_AT_LOCATION',
    });
  return { itemId, locationId, available: level?.available ?? null };
}

function applied(wanted: readonly Wanted[], reason: string, input: Args, execution: Execution): View {
  const { shop } = execution;
  const changes = wanted.flatMap(({ itemId, locationId, quantity }) => {
    const item = shop.get('inventory', itemId);
    const was = item?.data.levels.find((level) => level.locationId === locationId)?.available ?? 0;
    if (was === quantity) return [];
    changeLevels(shop, itemId, [{ locationId, available: quantity }]);
    const location = shop.get('locations', locationId);
    return ['available', 'on_hand'].map((name) => ({
      ...{ name, delta: quantity - was, quantityAfterChange: null },
      item: item ? itemView(execution, item) : null,
      location: location ? locationView(location) : null,
    }));
  });
  return {
    inventoryAdjustmentGroup: {
      ...{ id: gid('InventoryAdjustmentGroup', shop.nextNumber()), reason, changes },
      referenceDocumentUri: input['referenceDocumentUri'] ?? null,
      createdAt: new Date(shop.now()).toISOString(),
    },
    userErrors: [],
  };
}

function createOrder(args: Args, execution: Execution): View {
  const order = objectOf(args['order']);
  const lines = listOf(order['lineItems']);
  const problem = (field: string, message: string): View => ({
    order: null,
    userErrors: [{ field: ['order', field], message, code: 'INVALID' }],
  });
  if (lines.length === 0) return problem('lineItems', 'Line items must have at least one line item');
  if (
    lines.some(
      (line) => line['variantId'] === undefined && (line['title'] === undefined || line['priceSet'] === undefined),
    )
  )
    return problem('lineItems', 'Line items title is required when no variant is given');
  const wish: OrderWish = {
    email: textOf(order['email']),
    name: textOf(order['name']),
    note: textOf(order['note']),
    currency: textOf(order['currency']) ?? 'EUR',
    financialStatus: textOf(order['financialStatus']) ?? 'PENDING',
    tags: Array.isArray(order['tags']) ? order['tags'].map(String) : [],
    sourceIdentifier: textOf(order['sourceIdentifier']),
    sourceName: textOf(order['sourceName']) ?? 'tributary',
    processedAt: typeof order['processedAt'] === 'string' ? Date.parse(order['processedAt']) : null,
    shippingAddress: order['shippingAddress'] === undefined ? null : addressOf(objectOf(order['shippingAddress'])),
    lines: lines.map((line) => ({
      ...{ sku: textOf(line['sku']), title: textOf(line['title']), quantity: Number(line['quantity']) },
      variantId: numberOf('ProductVariant', line['variantId']),
      price: textOf(objectOf(objectOf(line['priceSet'])['shopMoney'])['amount']),
    })),
  };
  const behaviour = objectOf(args['options'])['inventoryBehaviour'];
  if (behaviour === 'DECREMENT_OBEYING_POLICY' && !isInStock(execution.shop, wish))
    return {
      order: null,
      userErrors: [
        { field: ['order', 'lineItems'], message: 'Unable to reserve inventory', code: 'INVENTORY_CLAIM_FAILED' },
      ],
    };
  const made = makeOrder(execution.shop, wish, { movesStock: behaviour !== undefined && behaviour !== 'BYPASS' });
  const row = execution.shop.get('orders', made);
  return { order: row ? orderView(execution, row) : null, userErrors: [] };
}

const addressOf = ({ firstName, lastName, address1, city, zip, countryCode }: Args) => ({
  ...{ firstName: textOf(firstName), lastName: textOf(lastName), address1: textOf(address1), city: textOf(city) },
  ...{ zip: textOf(zip), countryCodeV2: textOf(countryCode) },
});

function upsertActivity(args: Args, execution: Execution): View {
  const input = objectOf(args['input']);
  const answer = putCampaign(execution.shop, input);
  if (typeof answer !== 'number') return { marketingActivity: null, userErrors: [answer] };
  const row = execution.shop.get('campaigns', answer);
  return { marketingActivity: row ? marketingActivityView(row) : null, userErrors: [] };
}

function updateActivity(args: Args, execution: Execution): View {
  const { shop } = execution;
  const id = numberOf('MarketingActivity', args['marketingActivityId']);
  const remoteId = textOf(args['remoteId']);
  const known = [...shop.all('campaigns')].find((row) => row.id === id || row.data.remoteId === remoteId);
  if (!known || known.data.remoteId === null)
    return {
      marketingActivity: null,
      userErrors: [
        { field: null, message: 'Marketing activity does not exist.', code: 'MARKETING_ACTIVITY_DOES_NOT_EXIST' },
      ],
    };
  return upsertActivity({ input: { ...inputOfCampaign(known.data), ...objectOf(args['input']) } }, execution);
}

function deleteActivity(args: Args, execution: Execution): View {
  const gone = deleteCampaign(
    execution.shop,
    numberOf('MarketingActivity', args['marketingActivityId']),
    textOf(args['remoteId']),
  );
  return gone === null
    ? {
        deletedMarketingActivityId: null,
        userErrors: [
          { field: null, message: 'Marketing activity does not exist.', code: 'MARKETING_ACTIVITY_DOES_NOT_EXIST' },
        ],
      }
    : { deletedMarketingActivityId: gid('MarketingActivity', gone), userErrors: [] };
}

function subscribe(args: Args, { shop, version }: Execution): View {
  const topic = String(args['topic']);
  const wanted = objectOf(args['webhookSubscription']);
  const uri = textOf(wanted['uri']) ?? textOf(wanted['callbackUrl']);
  const refused = (message: string): View => ({
    webhookSubscription: null,
    userErrors: [{ field: ['webhookSubscription', 'callbackUrl'], message }],
  });
  if (uri === null || !/^https?:\/\//.test(uri)) return refused('Address is invalid');
  for (const { data } of shop.all('hooks'))
    if (data.topic === topic && data.uri === uri) return refused('Address for this topic has already been taken');
  const id = shop.nextNumber();
  shop.put('hooks', id, { topic, uri });
  const row = shop.get('hooks', id);
  return { webhookSubscription: row ? hookView(row, version) : null, userErrors: [] };
}

function unsubscribe(args: Args, { shop }: Execution): View {
  const id = numberOf('WebhookSubscription', args['id']) ?? 0;
  if (!shop.get('hooks', id))
    return {
      deletedWebhookSubscriptionId: null,
      userErrors: [{ field: ['id'], message: 'Webhook subscription does not exist' }],
    };
  shop.remove('hooks', id);
  return { deletedWebhookSubscriptionId: gid('WebhookSubscription', id), userErrors: [] };
}

const objectOf = (value: unknown): Args => (typeof value === 'object' && value !== null ? { ...value } : {});
const listOf = (value: unknown): Args[] => (Array.isArray(value) ? value.map(objectOf) : []);
const textOf = (value: unknown): string | null =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : null;
