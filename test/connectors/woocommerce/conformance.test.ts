import woocommerce from '../../../connectors/woocommerce/index.ts';
import { openWooCommerce } from '../../../src/sandbox/woocommerce/index.ts';
import { testConnector } from '../../conformance/test-connector.ts';

await testConnector(woocommerce, openWooCommerce);
