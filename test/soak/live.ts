/** From `npm start` on: how soon a purchase is in the inventory by webhook, and a captured lead in both CRMs. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePlace, throughProgram } from '../cli/support.ts';
import { waitFor } from '../support/services.ts';

/** What is promised of a purchase by webhook. */
const MOST_SECONDS = 2;
const PATIENCE_MS = 60_000;
const SKU = 'TEN-002';
const LOCATION = 'berlin';

export type LiveReport = {
  /** From each purchase to the inventory that shows it. */
  readonly purchaseSeconds: readonly number[];
  /** From the captured lead to both CRMs' ids in it. */
  readonly leadSeconds: number;
  readonly crmIds: Readonly<Record<string, string | null>>;
  readonly isClean: boolean;
  readonly line: string;
};

type Stock = { readonly locations?: readonly { readonly location: string; readonly quantity: number }[] };
type Sync = { readonly status: string; readonly systems: Readonly<Record<string, { readonly crm_id: string | null }>> };

/** @param purchases how many, one after another */
export async function liveSoak(purchases: number, say: (line: string) => void): Promise<LiveReport> {
  await using place = await makePlace(null);
  const program = await place.start();
  try {
    const { url, apiKey } = JSON.parse(readFileSync(join(place.dir, '.tributary', 'sandbox.json'), 'utf8'));
    const ask = async <T>(path: string, body?: object): Promise<T> => {
      const answer = await fetch(`${url}${path}`, {
        headers: { 'x-api-key': apiKey, ...(body ? { 'content-type': 'application/json' } : {}) },
        ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
      });
      if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${await answer.text()}`);
      return (await answer.json()) as T;
    };
    const units = async (): Promise<number | undefined> => {
      const { locations } = await ask<Stock>(`/api/v2/inventory/${SKU}`);
      return locations?.find(({ location }) => location === LOCATION)?.quantity;
    };
    await waitFor('the stock of the shop', units, PATIENCE_MS);
    await waitFor(
      'webhooks to be subscribed',
      async () =>
        (await throughProgram(place.dir, 'connections', 'check', 'shopify')).out.includes('webhooks are active') ||
        undefined,
      PATIENCE_MS,
    );
    await waitFor(
      'the first runs to end',
      async () => {
        const { out } = await throughProgram(place.dir, 'runs', 'list', '--limit', '200', '--json');
        const states = JSON.parse(out).map((run: { state: string }) => run.state);
        return states.every((state: string) => state !== 'queued' && state !== 'running') || undefined;
      },
      PATIENCE_MS,
    );
    say('the sandbox runs and is read');

    const purchaseSeconds: number[] = [];
    for (let number = 1; number <= purchases; number++) {
      const before = (await units()) ?? 0;
      const began = performance.now();
      await ask('/sandbox/shopify/buy', { sku: SKU, quantity: 1 });
      await waitFor('the purchase', async () => (await units()) === before - 1 || undefined, PATIENCE_MS);
      purchaseSeconds.push(since(began));
      say(`purchase ${number}: ${purchaseSeconds.at(-1)} s`);
    }

    const began = performance.now();
    const contact = { email: 'live.lead@example.com', first_name: 'Lea', last_name: 'Live', company: 'Live Ltd' };
    const { lead_id: lead } = await ask<{ lead_id: string }>('/api/v1/leads', { source: 'live', contact });
    const sync = await waitFor(
      'the lead in both CRMs',
      async () => {
        const { crm_sync: found } = await ask<{ crm_sync: Sync }>(`/api/v1/leads/${lead}`);
        return found.status === 'synced' ? found : undefined;
      },
      2 * PATIENCE_MS,
    );
    const leadSeconds = since(began);
    const crmIds: Record<string, string | null> = Object.fromEntries(
      Object.entries(sync.systems).map(([name, { crm_id }]) => [name, crm_id]),
    );
    const isInBoth = ['salesforce', 'hubspot'].every((name) => typeof crmIds[name] === 'string');
    const slowest = Math.max(...purchaseSeconds);
    return {
      ...{ purchaseSeconds, leadSeconds, crmIds },
      isClean: slowest <= MOST_SECONDS && isInBoth,
      line: `${purchases} purchases, the slowest seen after ${slowest} s; a lead in both CRMs after ${leadSeconds} s (${JSON.stringify(crmIds)})`,
    };
  } finally {
    await program.stop();
  }
}

const since = (began: number): number => Math.round(performance.now() - began) / 1000;
