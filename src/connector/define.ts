import { z } from 'zod';
import type { Connector } from './contract.ts';

/** Checks a connector's shape at compile time and infers its config type from its schema. */
export function defineConnector<Config>(connector: Connector<Config>): Connector<Config> {
  return connector;
}

/** A config value that is encrypted at rest and masked in every output. */
export function secret(about: string) {
  return z.string().min(1).meta({ secret: true, description: about });
}
