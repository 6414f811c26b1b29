import salesforce from '../../../connectors/salesforce/index.ts';
import { openSalesforce } from '../../../src/sandbox/salesforce/index.ts';
import { testConnector } from '../../conformance/test-connector.ts';

await testConnector(salesforce, openSalesforce);
