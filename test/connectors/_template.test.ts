import connector from '../../connectors/_template/index.ts';
import { openAcme } from '../../src/sandbox/_template/index.ts';
import { testConnector } from '../conformance/test-connector.ts';

await testConnector(connector, openAcme);
