/** The conformance suite as tests. */
import { describe, it } from 'vitest';
import type { Connector } from '../../src/connector/contract.ts';
import type { OpenSystem } from './account.ts';
import { checksOf } from './checks.ts';

/**
 * Tests a connector against a vendor system: what it declares, its check, each stream read in full, by changes, from any page and
 * in any size, single records, deletes, faults, and writes where it has them.
 * @param connector the default export of its folder
 * @param openSystem opens a system that behaves like the vendor, seeded, on a free port
 * @example await testConnector(shopify, openShopify)
 */
export async function testConnector(connector: Connector, openSystem: OpenSystem): Promise<void> {
  const checks = await checksOf(connector, openSystem);
  describe(`connector ${connector.name}`, () => {
    for (const { title, run } of checks) it(title, run);
  });
}
