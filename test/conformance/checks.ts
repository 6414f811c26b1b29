/**
 * What every connector must do, whatever its vendor. Each check opens a system of its own and throws where something is wrong.
 * `testConnector` makes tests of them.
 */
import { expect } from 'vitest';
import type { Connector } from '../../src/connector/contract.ts';
import { type OpenSystem, openAccount } from './account.ts';
import type { Check } from './check.ts';
import { accountChecks } from './checks-account.ts';
import { faultChecks } from './checks-faults.ts';
import { readingChecks } from './checks-reading.ts';
import { writingChecks } from './checks-writing.ts';

/** All checks that apply to a connector and the streams its system knows. */
export async function checksOf(connector: Connector, openSystem: OpenSystem): Promise<readonly Check[]> {
  await using account = await openAccount(connector, openSystem);
  const source = await account.open();
  const declared = source.streams();
  await source.close();
  const streams = declared.filter(({ name }) => account.system.streams.includes(name));
  expect(streams.map(({ name }) => name).sort()).toEqual([...account.system.streams].sort());
  const open = () => openAccount(connector, openSystem);
  return [
    ...accountChecks(open),
    ...streams.flatMap((stream) => [
      ...readingChecks(open, stream),
      ...faultChecks(open, stream),
      ...writingChecks(open, stream),
    ]),
  ];
}
