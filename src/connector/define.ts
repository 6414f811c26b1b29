import { z } from 'zod';
import type { Connector } from './contract.ts';

/** Checks a connector's shape at compile time and infers its config type. */
export function defineConnector<Schema extends z.ZodType>(
  connector: Omit<Connector<z.infer<Schema>>, 'config'> & { readonly config: Schema },
): Connector<z.infer<Schema>> {
  return connector;
}

/** A config value that is encrypted at rest and masked in every output. */
export function secret(about: string) {
  return z.string().min(1).meta({ secret: true, description: about });
}
