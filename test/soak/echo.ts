/**
 * The echo soak: leads that change on both sides of two CRMs and here, stock that changes here and in two shops, through the real
 * program and the vendor systems of the sandbox. After each round nothing may be left to be said, and all sides agree as the
 * policy wants it. HubSpot is told a lossy form of the field (capital letters), which must not come back as a change.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type App, openApp } from '../../src/app.ts';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/observe/log.ts';
import { append } from '../../src/run/append.ts';
import { createRun } from '../../src/run/runs.ts';
import { runSlice } from '../../src/run/slice.ts';
import { isFinal, type RunState } from '../../src/run/states.ts';
import { openHubSpot } from '../../src/sandbox/hubspot/index.ts';
import { type Random, randomOf } from '../../src/sandbox/random.ts';
import { openSalesforce } from '../../src/sandbox/salesforce/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import { sql } from '../../src/store/store.ts';
import { type SoakClock, soakClock } from './hostile-clock.ts';

export const ECHO_SAFETIES = ['echo-guard'] as const;
export type EchoSafety = (typeof ECHO_SAFETIES)[number];

export type EchoReport = {
  readonly changes: number;
  readonly writes: number;
  readonly echoes: number;
  readonly lost: number;
  readonly unbalanced: number;
  readonly isClean: boolean;
  readonly seconds: number;
  readonly line: string;
};

const CRM_MAPPINGS: Readonly<Record<string, string>> = {
  'soak-salesforce':
    'outputs:\n  lead:\n    match: email\n    fields: {email: Email | email, last_name: LastName, title: Description}\n',
  'soak-hubspot':
    'outputs:\n  lead:\n    match: email\n    fields: {email: properties.email | email, last_name: properties.lastname, title: properties.jobtitle}\n',
  'soak-to-salesforce':
    'write: {entity: lead, to: leads, when: email is not empty, match: Email}\nfields: {Email: email, LastName: last_name | default("Unknown"), Company: = "Soak", Description: title}\n',
  'soak-to-hubspot':
    'write: {entity: lead, to: contacts, when: email is not empty, match: email}\nfields: {email: email, lastname: last_name, jobtitle: title | upper}\n',
};

const MINUTE_MS = 60_000;
const LEADS = 60;
const PER_ROUND = 300;
const MOST_SLICES = 200;
const EXAMPLES = 5;

type Side = 'here' | 'salesforce' | 'hubspot';
type Lead = { readonly email: string; readonly key: string; expected: string };
type Ground = {
  readonly app: App;
  readonly clock: SoakClock;
  readonly random: Random;
  readonly systems: Readonly<Record<'salesforce' | 'hubspot', VendorSystem>>;
  readonly leads: readonly Lead[];
  readonly say: (line: string) => void;
};

export async function echoSoak(
  { changes, seed, without }: { readonly changes: number; readonly seed: number; readonly without: EchoSafety | null },
  say: (line: string) => void,
): Promise<EchoReport> {
  const started = performance.now();
  const clock = soakClock(new Date('2026-11-21T12:00:00Z'));
  const dir = await mkdtemp(join(tmpdir(), 'tributary-echo-'));
  const world = makeWorld();
  const systems = {
    salesforce: await openSalesforce({ world, clock, speed: 1000 }),
    hubspot: await openHubSpot({ world, clock, speed: 1000 }),
  };
  try {
    await writeProject(dir, systems);
    const app = await openApp(loadConfig({ dir, env: {} }), { log: silentLog, clock });
    try {
      if (without === 'echo-guard') Object.assign(app.runs.load, { written: NOBODY_KNOWS });
      await app.store.rows(sql`update connection set writes_approved_at = now() where tenant = ${app.streams.tenant}`);
      const leads = Array.from({ length: LEADS }, (_, at) => ({
        email: `soak${at}@example.com`,
        key: `soak-${at}`,
        expected: '',
      }));
      const found = await live({ app, clock, systems, leads, say, random: randomOf(seed) }, changes);
      const seconds = Math.round((performance.now() - started) / 1000);
      const { echoes, lost, unbalanced } = found;
      const line = `${changes} changes, ${echoes} echoes, ${lost} lost updates, ${unbalanced} unbalanced runs`;
      return { changes, ...found, isClean: echoes + lost + unbalanced === 0, seconds, line };
    } finally {
      await app.close();
    }
  } finally {
    await Promise.all(Object.values(systems).map((system) => system.close()));
    await rm(dir, { recursive: true, force: true });
  }
}

const NOBODY_KNOWS = { has: () => false, entitiesOf: async () => new Map(), echoesIn: async () => new Map() };

async function writeProject(dir: string, { salesforce, hubspot }: Ground['systems']): Promise<void> {
  await mkdir(join(dir, 'mappings'));
  for (const [name, text] of Object.entries(CRM_MAPPINGS)) await writeFile(join(dir, 'mappings', `${name}.yaml`), text);
  const connection = ({ settings }: VendorSystem, stream: string, name: string) => ({
    ...{ ...settings, direction: 'both' },
    streams: { [stream]: { mapping: `soak-${name}`, every: 'manual', reconcile: 'manual' } },
    writes: { [stream]: { mapping: `soak-to-${name}`, every: 'manual' } },
  });
  const config = {
    ...{ tenant: 'soak', port: 0, lease: '3h', slice: '1d', delete_brake: { share: 1, count: 1e6 } },
    connections: {
      salesforce: connection(salesforce, 'leads', 'salesforce'),
      hubspot: connection(hubspot, 'contacts', 'hubspot'),
    },
  };
  await writeFile(join(dir, 'tributary.yaml'), JSON.stringify(config));
}

type Found = { readonly writes: number; readonly echoes: number; readonly lost: number; readonly unbalanced: number };

async function live(ground: Ground, changes: number): Promise<Found> {
  const { app, clock, random, leads, say } = ground;
  for (const lead of leads) await change(ground, lead, 'here', 0);
  await settle(ground);
  let [echoes, lost, done] = [0, 0, 0];
  let told = 0;
  while (done < changes) {
    const round = Math.min(PER_ROUND, changes - done);
    for (let at = 0; at < round; at += 1) {
      done += 1;
      const lead = leads[random.whole(0, leads.length - 1)];
      if (lead) await change(ground, lead, random.pick(['here', 'salesforce', 'hubspot'] as const), done);
      await clock.advance(random.whole(1, 3000));
      // A side may be read and told in the middle of it all.
      if (random.next() < 0.02) await pass(ground, random.shuffle(app.streams.all));
    }
    await settle(ground);
    for (const problem of await disagreements(ground)) {
      lost += 1;
      if (lost <= EXAMPLES) say(problem);
    }
    const before = await spoken(app);
    await clock.advance(10 * MINUTE_MS);
    await pass(ground, app.streams.all);
    const after = await spoken(app);
    echoes += after.writes - before.writes + (after.events - before.events);
    if (done - told >= 1000) {
      told = done;
      say(`${done} changes: ${after.writes} writes, ${echoes} echoes, ${lost} lost updates`);
    }
  }
  const [row] = await app.store.rows<{ unbalanced: number }>(
    sql`select count(*) as unbalanced from run where read <> created + updated + unchanged + skipped + dead_lettered or state not in ('succeeded')`,
  );
  return { writes: (await spoken(app)).writes, echoes, lost, unbalanced: row?.unbalanced ?? 0 };
}

/** Somebody changes a lead: through our API, or in a CRM that has it. */
async function change({ app, systems }: Ground, lead: Lead, side: Side, number: number): Promise<void> {
  const marker = `${side.slice(0, 3)}-${number}`;
  if (side === 'here') {
    const values = { contact: { email: lead.email, last_name: 'Soak', title: marker } };
    const made = await append(app.runs, app.leads, lead.key, values);
    if (made.kind === 'rejected') throw new Error(JSON.stringify(made.problems));
  } else {
    const stream = side === 'salesforce' ? 'leads' : 'contacts';
    const id = await idOf(app, side, lead.email);
    await systems[side].change({ kind: 'update', stream, id, marker });
  }
  lead.expected = marker;
}

async function idOf(app: App, connection: string, email: string): Promise<string> {
  const [row] = await app.store.rows<{ id: string }>(sql`
    select w.external_id as id from write_state w join stream s on s.id = w.stream_id join connection c on c.id = s.connection_id
    join lead l on l.id = w.entity_id where c.name = ${connection} and l.email_key = ${email}`);
  if (!row) throw new Error(`${connection} does not have ${email}`);
  return row.id;
}

/** Everything is read and told, until every side has seen what the others said. */
async function settle(ground: Ground): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await ground.clock.advance(10 * MINUTE_MS);
    await pass(ground, ground.app.streams.all);
  }
}

async function pass({ app, clock }: Ground, streams: App['streams']['all']): Promise<void> {
  for (const stream of streams) {
    await clock.advance(1);
    const mode = stream.writes ? 'push' : 'incremental';
    const of = { tenant: stream.tenant, streamId: stream.id, mode, trigger: 'schedule', dueAt: clock.now() } as const;
    const run = await createRun(app.store, of);
    for (let slice = 0; run !== null && slice < MOST_SLICES; slice += 1) {
      const result = await runSlice(app.runs, run, new AbortController().signal);
      const [row] = await app.store.rows<{ state: RunState; error: unknown }>(
        sql`select state, error from run where id = ${run}`,
      );
      if (row?.state === 'failed') throw new Error(`${stream.connection}/${stream.name}: ${JSON.stringify(row.error)}`);
      if (row === undefined || isFinal(row.state)) break;
      await clock.advance(Math.max(1, result?.againInMs ?? 1000));
    }
  }
}

/** Where a lead is not on every side what was said last. */
async function disagreements({ app, systems, leads }: Ground): Promise<string[]> {
  const rows = await app.store.rows<{ email: string; title: string }>(sql`select email_key as email, title from lead`);
  const here = new Map(rows.map((row) => [row.email, row.title]));
  const problems: string[] = [];
  for (const { email, expected } of leads) {
    const salesforce = systems.salesforce.truth('leads').get(await idOf(app, 'salesforce', email));
    const hubspot = systems.hubspot.truth('contacts').get(await idOf(app, 'hubspot', email));
    const isAgreed = here.get(email) === expected && salesforce === expected && hubspot?.toLowerCase() === expected;
    if (!isAgreed)
      problems.push(
        `${email} should be ${expected}: here ${here.get(email)}, Salesforce ${salesforce}, HubSpot ${hubspot}`,
      );
  }
  return problems;
}

/** Writes to vendors, and changes that were told. */
async function spoken(app: App): Promise<{ writes: number; events: number }> {
  const [row] = await app.store.rows<{ writes: number; events: number }>(sql`
    select (select count(*) from write_ledger where sent_at is not null) as writes, (select count(*) from outbox where entity = 'lead') as events`);
  return row ?? { writes: 0, events: 0 };
}
