import connector from '../../../connectors/hubspot/index.ts';
import { openHubSpot } from '../../../src/sandbox/hubspot/index.ts';
import { testConnector } from '../../conformance/test-connector.ts';

/** The clock of these tests stands still, so that no window of a limit would ever end. */
await testConnector(connector, (options) => openHubSpot({ ...options, speed: 1000 }));
