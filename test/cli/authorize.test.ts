import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/extract/clock.ts';
import { openSalesforce, type SalesforceSystem } from '../../src/sandbox/salesforce/index.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { waitFor } from '../support/services.ts';
import { makePlace, type Place, throughProgram } from './support.ts';

let org: SalesforceSystem;
let place: Place;
beforeAll(async () => {
  org = await openSalesforce({ world: makeWorld(), clock: systemClock });
  place = await makePlace(`
tenant: acme
port: 0
connections:
  crm:
    connector: salesforce
    instanceUrl: ${org.url}
    auth: { kind: oauth, clientId: sandbox-consumer-key }
`);
});
afterAll(async () => {
  await place?.[Symbol.asyncDispose]();
  await org?.close();
});

describe('connections authorize', () => {
  it('says what to do when nobody would be there for the person who comes back', async () => {
    const { code, err } = await place.run('connections', 'authorize', 'crm');
    expect(code).toBe(1);
    expect(err).toContain('The program does not run');
    expect(err).toContain('tributary start');
  }, 60_000);

  it('waits for the login, keeps its token, and the connection works', async () => {
    const running = await place.start();
    expect((await throughProgram(place.dir, 'connections', 'check', 'crm')).out).toContain(
      'tributary connections authorize',
    );
    const command = place.spawn('connections', 'authorize', 'crm');
    let said = '';
    command.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const ended = new Promise((resolve) => command.once('exit', resolve));
    const address = await waitFor('the address', () => /^ {2}(http\S+)$/m.exec(said)?.[1]);
    const page = await fetch(address);
    expect([page.status, await page.text()]).toEqual([
      200,
      'Connection crm may be used now. You can close this page.\n',
    ]);
    expect(await ended).toBe(0);
    const check = await throughProgram(place.dir, 'connections', 'check', 'crm');
    expect(check.out).toMatch(/^ok +credentials/m);
    await running.stop();
  }, 90_000);
});
