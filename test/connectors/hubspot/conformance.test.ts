import connector from '../../../connectors/hubspot/index.ts';
import { testConnector } from '../../conformance/test-connector.ts';
import { openFast } from './account.ts';

await testConnector(connector, openFast);
