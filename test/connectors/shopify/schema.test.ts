/** Every query and mutation against the schemas Shopify publishes, for each version that can be configured and the next one. */
import { buildClientSchema, type GraphQLSchema, isEnumType, Kind, parse, validate, visit } from 'graphql';
import { beforeAll, describe, expect, it } from 'vitest';
import { LOOK_AT_BULK, RUN_BULK } from '../../../connectors/shopify/bulk.ts';
import { CHECK } from '../../../connectors/shopify/check.ts';
import { CLOCK } from '../../../connectors/shopify/clocks.ts';
import { config } from '../../../connectors/shopify/config.ts';
import { SCOPES_QUERY } from '../../../connectors/shopify/scopes.ts';
import {
  bulkQuery,
  CHANGED_PRODUCTS,
  changesQuery,
  DELETES,
  ITEMS_OF_PRODUCTS,
  idsQuery,
  listQuery,
  restQuery,
  SHAPES,
} from '../../../connectors/shopify/shapes.ts';
import { LIST_HOOKS, MAKE_HOOK, REMOVE_HOOK, TOPICS } from '../../../connectors/shopify/subscriptions.ts';
import {
  CAMPAIGN,
  CAMPAIGN_BY_KEY,
  DELETE_CAMPAIGN,
  UPDATE_CAMPAIGN,
  UPSERT_CAMPAIGN,
} from '../../../connectors/shopify/write-campaigns.ts';
import { CREATE_ORDER, ORDER_BY_KEY, VARIANTS_BY_SKU } from '../../../connectors/shopify/write-orders.ts';
import { LEVEL, setStockMutation } from '../../../connectors/shopify/write-stock.ts';
import { publishedSchema } from '../../../scripts/shopify-schemas.ts';

const VERSIONS = config.shape.apiVersion.unwrap().options;

const bulkQueries = SHAPES.filter(({ isBulk }) => isBulk).map(bulkQuery);
const everywhere: readonly string[] = [
  ...SHAPES.flatMap((shape) => [changesQuery(shape), listQuery(shape), idsQuery(shape)]),
  ...SHAPES.filter(({ child }) => child !== null).map(restQuery),
  ...bulkQueries,
  ...[CHANGED_PRODUCTS, ITEMS_OF_PRODUCTS, DELETES, CLOCK, CHECK, SCOPES_QUERY, RUN_BULK, LOOK_AT_BULK],
  ...[LIST_HOOKS, MAKE_HOOK, REMOVE_HOOK, LEVEL, CREATE_ORDER, ORDER_BY_KEY, VARIANTS_BY_SKU],
  ...[UPSERT_CAMPAIGN, UPDATE_CAMPAIGN, DELETE_CAMPAIGN, CAMPAIGN, CAMPAIGN_BY_KEY],
];

const schemas = new Map<string, GraphQLSchema>();
beforeAll(async () => {
  for (const version of [...VERSIONS, 'unstable'])
    schemas.set(version, buildClientSchema(await publishedSchema(version), { assumeValid: true }));
}, 180_000);

function schemaOf(version: string): GraphQLSchema {
  const schema = schemas.get(version);
  if (!schema) throw new Error(`no schema of ${version}`);
  return schema;
}

describe.each([...VERSIONS, 'unstable'])('Admin API %s', (version) => {
  it('knows every field, argument and type that is asked for', () => {
    const known = VERSIONS.find((one) => one === version) ?? '2026-10';
    for (const query of [...everywhere, setStockMutation(known)])
      expect(validate(schemaOf(version), parse(query)).map(({ message }) => `${message} in ${query}`)).toEqual([]);
  });

  it('knows every topic that is subscribed to', () => {
    const topics = schemaOf(version).getType('WebhookSubscriptionTopic');
    const names = isEnumType(topics) ? topics.getValues().map(({ name }) => name) : [];
    expect(names).toEqual(expect.arrayContaining([...TOPICS]));
  });

  it('takes stock with the words of its time', () => {
    const quantity = schemaOf(version).getType('InventoryQuantityInput');
    const fields = quantity && 'getFields' in quantity ? Object.keys(quantity.getFields()) : [];
    expect(fields).toContain(version === '2025-10' || version === '2026-01' ? 'compareQuantity' : 'changeFromQuantity');
    const takesKey = schemaOf(version).getDirective('idempotent') != null;
    expect(takesKey).toBe(version !== '2025-10');
  });
});

describe('bulk queries', () => {
  it.each(bulkQueries)('keep the rules of bulk queries: %s', (query) => {
    let connections = 0;
    let deepest = 0;
    let depth = 0;
    visit(parse(query), {
      Field: {
        enter(node) {
          expect(node.name.value).not.toBe('nodes');
          const isConnection = node.selectionSet?.selections.some(
            (one) => one.kind === Kind.FIELD && one.name.value === 'edges',
          );
          if (node.name.value === 'node')
            expect(
              node.selectionSet?.selections.some(
                (one) => one.kind === Kind.FIELD && one.name.value === 'id' && !one.alias,
              ),
            ).toBe(true);
          if (isConnection) {
            connections += 1;
            depth += 1;
            deepest = Math.max(deepest, depth);
          }
        },
        leave(node) {
          if (node.selectionSet?.selections.some((one) => one.kind === Kind.FIELD && one.name.value === 'edges'))
            depth -= 1;
        },
      },
    });
    expect(connections).toBeLessThanOrEqual(5);
    expect(deepest).toBeLessThanOrEqual(2);
  });
});
