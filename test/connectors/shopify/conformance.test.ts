import shopify from '../../../connectors/shopify/index.ts';
import { openShopify } from '../../../src/sandbox/shopify/index.ts';
import { testConnector } from '../../conformance/test-connector.ts';

await testConnector(shopify, openShopify);
