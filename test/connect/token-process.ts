/**
 * A process of its own that wants tokens: `token-process.ts <database> <vendor> <askers> <calls>`. Each asker calls the vendor
 * as often, and asks for another token where it is refused. Says on stdout how many calls went through.
 */
import { openPostgres } from '../../src/store/postgres.ts';
import { callVendor, tokensFor } from './token-vendor.ts';

const [database = '', vendor = '', askers = '1', calls = '1'] = process.argv.slice(2);

const store = await openPostgres(database, { connections: 4 });
const tokens = tokensFor(store, vendor);
let served = 0;
await Promise.all(
  Array.from({ length: Number(askers) }, async () => {
    for (let call = 0; call < Number(calls); call++) {
      await callVendor(vendor, tokens);
      served += 1;
    }
  }),
);
await store.close();
process.stdout.write(`${JSON.stringify({ served })}\n`);
