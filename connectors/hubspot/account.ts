/** What an open connection works with. */
import type { ConnectionContext } from '../../src/connector/index.ts';
import type { Portal } from './client.ts';
import type { HubSpotConfig } from './config.ts';
import type { KnownProperties } from './properties.ts';

export type Account = {
  readonly config: HubSpotConfig;
  readonly context: ConnectionContext;
  readonly portal: Portal;
  readonly properties: KnownProperties;
};
