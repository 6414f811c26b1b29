/**
 * A process of its own that calls a vendor within a shared budget: `governor-process.ts <redis|postgres> <address> <vendor> <limit> <calls>`.
 * Says on stdout how many calls were refused.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BudgetStore } from '../../src/extract/budget-store.ts';
import { systemClock } from '../../src/extract/clock.ts';
import { makeGovernor } from '../../src/extract/governor.ts';
import { redisBudgets } from '../../src/queue/budgets.ts';
import { storeBudgets } from '../../src/store/budgets.ts';
import { openPostgres } from '../../src/store/postgres.ts';

const [backend, address = '', vendor = '', limit = '1', calls = '1'] = process.argv.slice(2);
const WORKERS = 6;

const { store, close } = await open();
const life = new AbortController();
const declared = [{ name: 'general', limit: Number(limit), windowMs: 3000, about: 'test' }];
const shared = { store, account: `vendor:${vendor}`, owner: `process ${process.pid}` };
const governor = makeGovernor(declared, systemClock, life.signal, shared);

let left = Number(calls);
let refused = 0;
await Promise.all(
  Array.from({ length: WORKERS }, async () => {
    while (left > 0) {
      left -= 1;
      const over = new AbortController();
      await governor.permit(1, 'poll', undefined, over.signal);
      const answer = await fetch(vendor, { headers: { 'x-sent-at': String(Date.now()) } });
      await answer.arrayBuffer();
      if (answer.status !== 429) {
        over.abort();
        continue;
      }
      refused += 1;
      left += 1;
      const after = Number(answer.headers.get('x-retry-after-ms'));
      governor.observeLimits({ window: 'refusal', notBefore: new Date(Date.now() + after) });
      over.abort();
      await sleep(1);
    }
  }),
);
life.abort();
await close();
process.stdout.write(`${JSON.stringify({ refused })}\n`);

async function open(): Promise<{ store: BudgetStore; close(): Promise<void> }> {
  if (backend === 'redis') {
    const budgets = redisBudgets(address);
    return { store: budgets, close: async () => budgets.close() };
  }
  const opened = await openPostgres(address, { connections: 4 });
  return { store: storeBudgets(opened), close: () => opened.close() };
}
