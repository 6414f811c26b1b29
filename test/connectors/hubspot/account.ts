/** An account whose limits never end a test: its clock stands still, so that no window of a limit would ever be over. */
import connector from '../../../connectors/hubspot/index.ts';
import type { JsonObject, WriteIntent, WriteOutcome } from '../../../src/connector/contract.ts';
import { type HubSpotSystem, openHubSpot } from '../../../src/sandbox/hubspot/index.ts';
import type { SystemOptions } from '../../../src/sandbox/system.ts';
import { type Account, openAccount } from '../../conformance/account.ts';

export type HubSpotAccount = Account & { readonly hubspot: HubSpotSystem };

export const openFast = (options: SystemOptions): Promise<HubSpotSystem> => openHubSpot({ ...options, speed: 1000 });

export async function openTestAccount(open = openFast): Promise<HubSpotAccount> {
  const opened: HubSpotSystem[] = [];
  const account = await openAccount(connector, async (options) => {
    const system = await open(options);
    opened.push(system);
    return system;
  });
  const [hubspot] = opened;
  if (!hubspot) throw new Error('no system was opened');
  return Object.assign(account, { hubspot });
}

/** Writes as a run does: open, write, close. */
export async function write(account: Account, intents: readonly WriteIntent[]): Promise<readonly WriteOutcome[]> {
  const source = await account.open();
  try {
    return (await source.write?.(intents)) ?? [];
  } finally {
    await source.close();
  }
}

export async function find(account: Account, intent: WriteIntent): Promise<WriteOutcome | null> {
  const source = await account.open();
  try {
    return (await source.find?.(intent)) ?? null;
  } finally {
    await source.close();
  }
}

let intents = 0;
export function intentOf(
  stream: string,
  action: WriteIntent['action'],
  values: JsonObject,
  id: string | null = null,
): WriteIntent {
  intents += 1;
  return { stream, action, idempotencyKey: `test-${intents}`, id, values, expected: null };
}
