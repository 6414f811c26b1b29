import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../support/services/wait.ts';
import { root } from './documents.ts';

type Started = { readonly child: ChildProcess; readonly ended: Promise<unknown[]>; said(): string };
type Sandbox = {
  readonly url: string;
  readonly apiKey: string;
  readonly feeds: string;
  readonly systems: Readonly<Record<string, unknown>>;
};

const MINUTE_MS = 60_000;

const started: Started[] = [];
let folder = '';

/** What `npm start` runs, in a folder of its own. */
function start(env: Readonly<Record<string, string>> = {}): Started {
  const clean = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(DATABASE_URL|REDIS_URL|TRIBUTARY_.*|HOST|PORT)$/.test(name)),
  );
  const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'start', '--dir', folder], {
    env: { ...clean, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
  const made = { child, ended: once(child, 'exit'), said: () => text };
  started.push(made);
  return made;
}

const sandbox = (): Sandbox => JSON.parse(readFileSync(join(folder, '.tributary/sandbox.json'), 'utf8'));

async function ask(path: string): Promise<Record<string, unknown>> {
  const { url, apiKey } = sandbox();
  const answer = await fetch(`${url}${path}`, { headers: { 'x-api-key': apiKey } });
  return (await answer.json()) as Record<string, unknown>;
}

async function countOf(path: string): Promise<number> {
  const { pagination } = (await ask(path)) as { pagination: { total_items: number } };
  return pagination.total_items;
}

const running = (program: Started) =>
  waitFor('the program to run', () => (program.said().includes('Tributary runs at') ? true : undefined), MINUTE_MS);

/** Units of one SKU at a place; `undefined`: none are known yet. */
async function unitsIn(place: string): Promise<number | undefined> {
  const { locations } = (await ask('/api/v2/inventory/TEN-002')) as {
    locations?: { location: string; quantity: number }[];
  };
  return locations?.find(({ location }) => location === place)?.quantity;
}

function tributary(...args: string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'src/main.ts'), '--dir', folder, ...args], (_error, out, err) =>
      resolve(out + err),
    );
  });
}

/** A port that somebody else has. */
async function busyPort(): Promise<{ port: number; close(): void }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, close: () => server.close() };
}

describe('npm start without a tributary.yaml', { timeout: 5 * MINUTE_MS }, () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'tributary-start-'));
  });
  afterEach(async () => {
    for (const { child, ended } of started.splice(0)) {
      child.kill('SIGKILL');
      await ended;
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('runs the sandbox, on the next free port where the wanted one is taken, and says so', async () => {
    const busy = await busyPort();
    const program = start({ PORT: String(busy.port) });
    await waitFor(
      'the words of the first start',
      () => (program.said().includes('Ctrl-C') ? true : undefined),
      2 * MINUTE_MS,
    );
    busy.close();
    expect(program.said()).toContain(`Port ${busy.port} is taken`);
    expect(program.said()).toContain('this is the sandbox');
    expect(program.said()).toMatch(/feeds\/products: 40 read, 40 created; succeeded/);
    expect(await tributary('connections', 'check', 'feeds')).toContain('sftp://supplier@127.0.0.1');
    expect(program.said()).toMatch(/curl -H "X-API-Key/);

    const file = join(folder, '.tributary/sandbox.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(Object.keys(sandbox())).toEqual(['url', 'apiKey', 'feeds', 'systems']);
    const variants = await countOf('/api/v2/inventory?limit=1');
    expect(variants).toBeGreaterThanOrEqual(50);

    // A file dropped into the watched folder is a delta.
    writeFileSync(
      join(sandbox().feeds, 'inventory-mine.csv'),
      'sku,location,quantity,as_of\nTEN-001,main,77,2026-11-20T09:00:00Z\n',
    );
    const dropped = Date.now();
    await waitFor('the dropped file to be loaded', async () => {
      const { locations } = (await ask('/api/v2/inventory/TEN-001')) as {
        locations: { location: string; quantity: number }[];
      };
      return locations.some(({ location, quantity }) => location === 'main' && quantity === 77) ? true : undefined;
    });
    expect(Date.now() - dropped).toBeLessThan(10_000);
    expect(await countOf('/api/v2/inventory?limit=1')).toBeGreaterThanOrEqual(variants);

    const second = start();
    const [code] = await second.ended;
    expect([code, second.said().trim()]).toEqual([0, `Tributary runs already at ${sandbox().url}`]);

    // Browsers open connections in advance, and ask nothing.
    const idle = connect(Number(new URL(sandbox().url).port), '127.0.0.1').on('error', () => undefined);
    await once(idle, 'connect');
    const asked = Date.now();
    program.child.kill('SIGTERM');
    expect(await program.ended).toEqual([0, null]);
    expect(Date.now() - asked).toBeLessThan(8_000);
  });

  it('shows a purchase in the shop by webhook, keeps it over a restart, and by a poll without webhooks', async () => {
    const program = start({ PORT: '0' });
    await running(program);
    expect(Object.keys(sandbox().systems)).toEqual(['shopify', 'woocommerce', 'salesforce', 'hubspot', 'feeds']);
    const before = await waitFor('the stock of the shop', () => unitsIn('berlin'), MINUTE_MS);
    const { url, apiKey } = sandbox();
    const buy = (system: string, sku: string) =>
      fetch(`${url}/sandbox/${system}/buy`, {
        method: 'POST',
        headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
        body: JSON.stringify({ sku, quantity: 1 }),
      });
    await waitFor(
      'webhooks to be subscribed',
      async () =>
        (await tributary('connections', 'check', 'shopify')).includes('webhooks are active') ? true : undefined,
      MINUTE_MS,
    );
    expect((await buy('shopify', 'TEN-002')).status).toBe(201);
    await waitFor('the purchase', async () => ((await unitsIn('berlin')) === before - 1 ? true : undefined), MINUTE_MS);
    await waitFor(
      'the run of the webhook',
      async () => {
        const runs = await tributary('runs', 'list', '--connection', 'shopify', '--limit', '200', '--json');
        return runs.includes('"trigger": "webhook"') ? true : undefined;
      },
      MINUTE_MS,
    );

    await tributary('connections', 'unsubscribe', 'shopify');
    expect(await tributary('sandbox', 'buy', 'shopify', 'TEN-002')).toContain('Bought TEN-002');
    await waitFor('the poll', async () => ((await unitsIn('berlin')) === before - 2 ? true : undefined), MINUTE_MS);
    for (const [system, sku, toDo] of [
      ['shopify', 'NOT-THERE', 'It has '],
      ['amazon', 'TEN-002', 'Use one of shopify, '],
      ['feeds', 'TEN-002', `To buy, drop a file into ${sandbox().feeds}.`],
    ] as const) {
      const refused = await buy(system, sku);
      expect([refused.status, JSON.stringify(await refused.json())]).toEqual([404, expect.stringContaining(toDo)]);
    }
    program.child.kill('SIGKILL');
    await program.ended;
  });

  it('goes on where a killed one was, with the same key', async () => {
    const { apiKey } = sandbox();
    const program = start({ PORT: '0' });
    await running(program);
    program.child.kill('SIGKILL');
    await program.ended;
    const again = start({ PORT: '0' });
    await running(again);
    expect(sandbox().apiKey).toBe(apiKey);
    expect(await countOf('/api/v2/inventory?limit=1')).toBeGreaterThanOrEqual(50);
    again.child.kill('SIGTERM');
    expect(await again.ended).toEqual([0, null]);
  });
});
