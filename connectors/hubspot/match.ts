/** By which property a record is found whose id is not known. */
import type { JsonObject } from '../../src/connector/index.ts';
import type { HubSpotConfig } from './config.ts';
import { textOf } from './json.ts';

export type WriteStream = 'contacts' | 'companies';
export const isWriteStream = (stream: string): stream is WriteStream => stream === 'contacts' || stream === 'companies';

export type Match = { readonly idProperty: string; readonly value: string };

/** The unique property of the settings before the e-mail address of contacts. `null`: nothing to find it by. */
export function matchOf(config: HubSpotConfig, stream: WriteStream, values: JsonObject): Match | null {
  const unique = config.uniqueProperties?.[stream];
  const names = [...(unique === undefined ? [] : [unique]), ...(stream === 'contacts' ? ['email'] : [])];
  for (const idProperty of names) {
    const value = textOf(values[idProperty])?.trim();
    if (value) return { idProperty, value: idProperty === 'email' ? value.toLowerCase() : value };
  }
  return null;
}
