import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/extract/clock.ts';
import type { RunFacts } from '../../src/run/list-runs.ts';
import { openHubSpot } from '../../src/sandbox/hubspot/index.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import { makeWorld } from '../../src/sandbox/world.ts';
import {
  type Ended,
  inThisProcess,
  makePlace,
  type Place,
  product,
  products,
  type Running,
  throughProgram,
} from './support.ts';

const MINUTES = 60_000;
const parsed = <T>(ended: Ended): T => JSON.parse(ended.out) as T;
const NAMES = Array.from({ length: 12 }, (_, at) => `A-${at + 1}`);
/** The last line has no name, which a product must have. */
const BROKEN = ',,,Acme,9.90,EUR,Things,,,5,main,2026-11-20T08:00:00Z'.replace(/^,/, 'B-1,');

async function loaded(): Promise<Place> {
  const place = await makePlace();
  place.put('feeds/products-1.csv', products([...NAMES.map((sku) => product(sku)), BROKEN]));
  place.put(
    'other/products-1.csv',
    products([product('A-1', { name: 'Older name', price: '12.00', quantity: '9', at: '2026-11-19T08:00:00Z' })]),
  );
  place.put(
    'feeds/inventory-1.csv',
    'sku,location,quantity,as_of\nA-2,outlet,3,2026-11-20T09:00:00Z\nNEVER-SEEN,main,1,2026-11-20T09:00:00Z\n',
  );
  return place;
}

/** Commands that are run in processes of their own as well. */
const REAL = [
  'runs list --json',
  'explain stock A-1',
  'export variant --ndjson',
  'explain product nothing',
  'records show feeds/products nothing --json',
];

describe('what only reads', () => {
  let place: Place;
  let running: Running;
  let first: Ended;
  const alone = new Map<string, Ended>();
  const processes = new Map<string, Ended>();
  let runs: readonly RunFacts[] = [];

  const letterId = () => JSON.parse(alone.get('deadletters list --json')?.out ?? '[]')[0].id as string;
  const commands: readonly [string, number, RegExp][] = [
    ['runs list', 0, /feeds\/products +incremental +succeeded +13 +12/],
    ['runs list --json', 0, /"deadLettered": 1/],
    ['runs list --limit 1 --page 2', 0, /run_/],
    ['runs list --state failed', 0, /No runs/],
    ['runs list --connection other', 0, /other\/products/],
    ['runs show RUN', 0, /product.created 12/],
    ['runs show RUN --json', 0, /"entities": \{/],
    ['runs logs RUN', 0, /INFO +run succeeded/],
    ['records list feeds/products --limit 3', 0, /A-3/],
    ['records list feeds/products --json --state live', 0, /"externalId": "A-12"/],
    ['records show feeds/products A-1', 0, /THE RECORD SAYS/],
    ['records show feeds/products A-1 --json', 0, /"decoded": \{/],
    ['records show feeds/products B-1', 0, /dead letter dl_/],
    ['deadletters list', 0, /B-1/],
    ['deadletters list --json', 0, /ERR_|required/],
    ['deadletters show DEAD', 0, /raw +B-1,,/],
    ['explain product A-1', 0, /lost: Older name, because it changed earlier/],
    ['explain product A-1 name --json', 0, /"rule": "products-flat-csv:\d+:\d+"/],
    ['explain stock A-1', 0, /other\/products reports 9 .*drift \+4/],
    ['explain stock never-seen', 0, /waiting: feeds\/inventory reports 1/],
    ['export product', 0, /"sku":"A-1"/],
    ['export variant --ndjson', 0, /"product":\{"handle":null,"sku":"A-1","name":"Product A-1"\}/],
    ['export stock', 0, /\{"sku":"A-2","location":"outlet","quantity":3,"available":3\}/],
    ['export customer', 0, /^$/],
    ['checkpoints show', 0, /feeds\/products/],
    ['checkpoints show feeds/products --json', 0, /"cursor": \{/],
    ['connections list', 0, /feeds\/products +feed +active +manual +manual +manual +12? +12? */],
    ['connections list --json', 0, /"deadLetters": 1/],
    ['connections check feeds', 0, /ok +reach/],
    ['connections sample feeds/products --limit 1', 0, /products-flat-csv id A-1: mapped/],
    ['connections sample feeds/products --limit 50 --json', 3, /rejected/],
    ['migrate --check', 0, /Nothing is missing/],
    ['mapping preview products-flat-csv --connection feeds/products --limit 1', 0, /1 mapped/],
    ['mapping new --connection feeds/products --entity product', 0, /outputs:\n {2}product:/],
    ['runs show run_00000000zzz', 2, /^$/],
    ['records show feeds/products nothing --json', 2, /ERR_NOT_FOUND/],
    ['records show feeds', 2, /^$/],
    ['explain product nothing', 2, /^$/],
    ['explain thing A-1', 2, /^$/],
    ['sync nowhere', 2, /^$/],
    ['sync feeds/nothing --json', 2, /There is no stream feeds\/nothing; there is: feeds\/products/],
  ];
  const wordsOf = (typed: string) =>
    typed
      .replace('RUN', runs[0]?.id ?? '')
      .replace('DEAD', typed.includes('DEAD') ? letterId() : '')
      .split(' ');

  beforeAll(async () => {
    place = await loaded();
    first = await place.run('sync', '--json');
    runs = parsed<RunFacts[]>(first);
    const here = inThisProcess(place.dir);
    for (const [typed] of commands) alone.set(typed, await here.run(...wordsOf(typed)));
    await here.close();
    for (const typed of REAL) processes.set(typed, await place.run(...wordsOf(typed)));
    running = await place.start();
  }, 5 * MINUTES);

  afterAll(async () => {
    await running?.stop();
    await place?.[Symbol.asyncDispose]();
  });

  it('sync tells of every run, and of the dead letter by its exit code', () => {
    expect(first.code).toBe(3);
    expect(
      runs.map(({ connection, stream, state, read, created, deadLettered }) => [
        connection,
        stream,
        state,
        read,
        created,
        deadLettered,
      ]),
    ).toEqual([
      ['feeds', 'products', 'succeeded', 13, 12, 1],
      ['feeds', 'inventory', 'succeeded', 2, 2, 0],
      ['other', 'products', 'succeeded', 1, 1, 0],
    ]);
    expect(Object.keys(runs[0] ?? {}).slice(0, 15)).toEqual([
      'id',
      'connection',
      'stream',
      'state',
      'read',
      'created',
      'updated',
      'unchanged',
      'skipped',
      'deadLettered',
      'deleted',
      'error',
      'nextAttemptAt',
      'startedAt',
      'finishedAt',
    ]);
  });

  it.each(commands)('%s ends with %i', (typed, code, shape) => {
    const ended = alone.get(typed);
    expect({ code: ended?.code, out: ended?.out, err: ended?.err }).toEqual({
      code,
      out: expect.stringMatching(shape),
      err: expect.not.stringContaining('    at '),
    });
    if (code === 2 && !typed.includes('--json')) expect(ended?.err).toMatch(/^error: .+\n {2}.+\n {2}\[ERR_\w+\]/);
  });

  it.each(commands)('%s says the same through the running program', async (typed) => {
    expect(await throughProgram(place.dir, ...wordsOf(typed))).toEqual(alone.get(typed));
  });

  it.each(REAL)('%s says the same from a process of its own, alone and through the running program', async (typed) => {
    expect(processes.get(typed)).toEqual(alone.get(typed));
    expect(await place.run(...wordsOf(typed))).toEqual(alone.get(typed));
  });

  it('doctor finds everything in order, in the program as well', async () => {
    const ended = await place.run('doctor');
    expect(ended.out).toMatch(/ok +program: runs at http/);
    expect(ended.out).not.toContain('NOT OK');
    expect(ended.code).toBe(0);
    expect(
      parsed<{ ok: boolean; subject: string }[]>(await place.run('doctor', '--json')).map((one) => one.subject),
    ).toEqual([
      'node',
      'program',
      'configuration',
      'connectors',
      'connections',
      'mappings',
      'disk',
      'store',
      'clock',
      'schema',
      'queue',
    ]);
  });
});

const PEOPLE_IN = 'outputs:\n  lead:\n    match: email\n    fields: {email: Email | email, last_name: Name}\n';
const PEOPLE_OUT = 'write: {entity: lead, to: contacts, match: email}\nfields: {email: email, lastname: last_name}\n';

/** A folder whose people are to be written to a CRM. */
async function peopled(crm: VendorSystem): Promise<Place> {
  const people = { files: 'people-*.csv', kind: 'snapshot', mapping: 'people', every: 'manual', settleMs: 0 };
  const writes = { contacts: { mapping: 'people-to-crm', every: 'manual' } };
  const connections = {
    feeds: { connector: 'feed', path: './feeds', streams: { people } },
    crm: { ...crm.settings, direction: 'both', streams: {}, writes },
  };
  const place = await makePlace(JSON.stringify({ tenant: 'acme', port: 0, connections }));
  mkdirSync(join(place.dir, 'mappings'));
  place.put('mappings/people.yaml', `record: {key: Email}\n${PEOPLE_IN}`);
  place.put('mappings/people-to-crm.yaml', PEOPLE_OUT);
  place.put('feeds/people-1.csv', 'Email,Name\nann@example.com,Lee\nbob@example.com,Low\n');
  return place;
}

describe.each([['alone'], ['through the running program']])('what waits to be written, %s', (how) => {
  it(
    'is listed, and written once somebody approves it',
    async () => {
      const crm = await openHubSpot({ world: makeWorld(), clock: systemClock });
      await using place = await peopled(crm);
      const running = how === 'alone' ? null : await place.start();
      const here = running ? null : inThisProcess(place.dir);
      const run = (...args: string[]) => (here ? here.run(...args) : throughProgram(place.dir, ...args));
      try {
        const before = crm.truth('contacts').size;
        expect((await run('sync', 'feeds')).code).toBe(0);
        const push = await run('sync', 'crm');
        const toDo = /tributary connections writes crm, then tributary connections approve-writes crm/;
        expect(push).toMatchObject({ code: 3, err: expect.stringMatching(toDo) });
        const [, id = ''] = /^(run_\w+) +crm\/contacts:out +push +held +2/m.exec(push.out) ?? [];
        expect((await run('runs', 'show', id)).err).toMatch(toDo);
        const refused = await run('runs', 'approve', id);
        expect(refused).toMatchObject({ code: 2, err: expect.stringContaining('has listed writes, not deletes') });
        expect(await run('connections', 'writes', 'crm')).toMatchObject({
          code: 0,
          out: expect.stringMatching(/contacts:out +lead_\w+ +upsert +listed +\{.*ann@example.com/),
          err: expect.stringContaining('tributary connections approve-writes crm'),
        });
        const listed = await run('connections', 'writes', 'crm', '--limit', '1', '--json');
        expect(parsed(listed)).toMatchObject({ approved: false, total: 2, writes: [{ state: 'listed' }] });
        expect(crm.truth('contacts').size).toBe(before);
        expect(await run('connections', 'approve-writes', 'crm')).toMatchObject({
          code: 0,
          out: expect.stringContaining('Writes to crm are approved; 2 writes had been listed.'),
        });
        expect(crm.truth('contacts').size).toBe(before + 2);
        expect(await run('explain', 'lead', 'ann@example.com')).toMatchObject({
          code: 0,
          out: expect.stringMatching(
            /written to crm\/contacts:out as \d+, which holds our email, lastname\n {2}last write: upsert ok at 20/,
          ),
        });
        const again = await run('connections', 'approve-writes', 'crm', '--json');
        expect({ code: again.code, ...parsed<object>(again) }).toMatchObject({ code: 0, approved: true, listed: null });
        expect(await run('connections', 'writes', 'crm')).toMatchObject({
          code: 0,
          out: 'Nothing is about to be written.\n',
        });
        for (const command of ['writes', 'approve-writes'])
          expect(await run('connections', command, 'nobody')).toMatchObject({
            code: 2,
            err: expect.stringContaining('ERR_NOT_FOUND'),
          });
      } finally {
        await running?.stop();
        await here?.close();
        await crm.close();
      }
    },
    2 * MINUTES,
  );
});

describe.each([['alone'], ['through the running program']])('what changes something, %s', (how) => {
  let place: Place;
  let running: Running | null = null;
  let here: ReturnType<typeof inThisProcess> | null = null;
  const run = (...args: string[]) => (here ? here.run(...args) : throughProgram(place.dir, ...args));

  beforeAll(async () => {
    place = await loaded();
    if (how === 'alone') here = inThisProcess(place.dir);
    else running = await place.start();
    expect((await run('sync')).code).toBe(3);
  }, 2 * MINUTES);

  afterAll(async () => {
    await running?.stop();
    await here?.close();
    await place?.[Symbol.asyncDispose]();
  });

  it(
    'a connection is paused, refuses to sync, and goes on',
    async () => {
      expect(await run('connections', 'pause', 'other')).toMatchObject({
        code: 0,
        out: 'Connection other is paused.\n',
      });
      expect(await run('connections', 'pause', 'other')).toMatchObject({
        code: 0,
        out: 'Connection other is paused, as before.\n',
      });
      expect(await run('sync', 'other')).toMatchObject({
        code: 2,
        err: expect.stringContaining('tributary connections resume other'),
      });
      expect(await run('connections', 'resume', 'other', '--json')).toMatchObject({
        code: 0,
        out: expect.stringContaining('"paused": false'),
      });
      expect((await run('sync', 'other')).code).toBe(0);
      expect((await run('connections', 'pause', 'nobody')).code).toBe(2);
    },
    MINUTES,
  );

  it(
    'keys are made, shown once, listed without themselves, and revoked',
    async () => {
      const made = await run('keys', 'create', 'shop', '--scope', 'read:inventory');
      expect(made.out).toMatch(/^mk_live_[0-9a-f]{24}\n$/);
      const listed = await run('keys', 'list', '--json');
      const [key] = parsed<{ id: string; name: string; scopes: string[] }[]>(listed);
      expect(key).toMatchObject({ name: 'shop', scopes: ['read:inventory'] });
      expect(listed.out).not.toContain(made.out.trim());
      expect(await run('keys', 'revoke', key?.id ?? '')).toMatchObject({
        code: 0,
        out: expect.stringContaining('revoked'),
      });
      expect(await run('keys', 'create', 'x', '--scope', 'read:everything')).toMatchObject({
        code: 2,
        err: expect.stringContaining('read:inventory'),
      });
    },
    MINUTES,
  );

  it(
    'a checkpoint is reset only by somebody who means it, and everything is then known already',
    async () => {
      expect(await run('checkpoints', 'reset', 'feeds/products')).toMatchObject({
        code: 2,
        err: expect.stringContaining('--yes'),
      });
      expect((await run('checkpoints', 'reset', 'feeds/products', '--yes')).code).toBe(0);
      expect(await run('checkpoints', 'show', 'feeds/products')).toMatchObject({
        out: expect.stringContaining('from the beginning'),
      });
      const again = await run('sync', 'feeds/products', '--json');
      expect(parsed<RunFacts[]>(again)[0]).toMatchObject({ read: 13, created: 0, unchanged: 12, deadLettered: 1 });
    },
    MINUTES,
  );

  it(
    'a dead letter fails again until its reason is gone, and can be accepted',
    async () => {
      const [letter] = parsed<{ id: string }[]>(await run('deadletters', 'list', '--json'));
      const id = letter?.id ?? '';
      const replay = await run('deadletters', 'replay', id, '--json');
      expect(replay.code).toBe(3);
      expect(parsed<RunFacts[]>(replay)[0]).toMatchObject({ mode: 'replay', read: 1, deadLettered: 1 });
      expect(await run('deadletters', 'replay')).toMatchObject({ code: 2 });
      // The operator's own mapping of the same name goes before the shipped one.
      const shipped = readFileSync(join(import.meta.dirname, '../../mappings/products-flat-csv.yaml'), 'utf8');
      const { mkdirSync, writeFileSync, rmSync } = await import('node:fs');
      mkdirSync(join(place.dir, 'mappings'));
      writeFileSync(
        join(place.dir, 'mappings/products-flat-csv.yaml'),
        shipped.replace(/name: name \| (.*)required/, 'name: name | $1default("Nameless")'),
      );
      const fixed = await run('deadletters', 'replay', '--connection', 'feeds', '--json');
      expect(parsed<RunFacts[]>(fixed)[0]).toMatchObject({ mode: 'replay', read: 1, created: 1, deadLettered: 0 });
      expect(fixed.code).toBe(0);
      rmSync(join(place.dir, 'mappings'), { recursive: true });
      expect(await run('deadletters', 'list')).toMatchObject({ out: 'No open dead letters.\n' });
      place.put('feeds/products-2.csv', products([...NAMES.map((sku) => product(sku)), BROKEN.replace('B-1', 'B-2')]));
      await run('sync', 'feeds/products');
      const open = parsed<{ id: string; externalId: string }[]>(await run('deadletters', 'list', '--json'));
      expect(await run('deadletters', 'accept', open[0]?.id ?? '', '--note', 'a test')).toMatchObject({
        code: 0,
        out: '1 dead letter accepted.\n',
      });
      expect(await run('deadletters', 'accept', open[0]?.id ?? '')).toMatchObject({
        code: 0,
        out: expect.stringContaining('0 dead letters accepted'),
      });
    },
    2 * MINUTES,
  );

  it(
    'a run that would delete too much is held; approving deletes exactly that, cancelling nothing',
    async () => {
      place.put('feeds/products-3.csv', products(NAMES.slice(0, 4).map((sku) => product(sku))));
      const held = await run('sync', 'feeds/products', '--json');
      const [heldRun] = parsed<RunFacts[]>(held);
      expect({ code: held.code, state: heldRun?.state, deleted: heldRun?.deleted }).toEqual({
        code: 3,
        state: 'held',
        deleted: 0,
      });
      expect((await run('export', 'product')).out.split('\n').length).toBeGreaterThan(NAMES.length);
      expect(await run('runs', 'approve', heldRun?.id ?? '')).toMatchObject({
        code: 0,
        out: expect.stringMatching(/records deleted; run run_\w+ succeeded/),
      });
      expect(parsed<RunFacts>(await run('runs', 'show', heldRun?.id ?? '', '--json'))).toMatchObject({
        state: 'succeeded',
        deleted: heldRun?.held,
      });
      expect(await run('runs', 'approve', heldRun?.id ?? '')).toMatchObject({
        code: 2,
        err: expect.stringContaining('only a held run'),
      });
      expect(await run('runs', 'cancel', heldRun?.id ?? '')).toMatchObject({
        code: 2,
        err: expect.stringContaining('ended already'),
      });
    },
    MINUTES,
  );

  it(
    'a source that is away fails the run, with words and exit code 1',
    async () => {
      const { renameSync } = await import('node:fs');
      renameSync(join(place.dir, 'other'), join(place.dir, 'away'));
      const ended = await run('sync', 'other', '--json');
      renameSync(join(place.dir, 'away'), join(place.dir, 'other'));
      expect(ended.code).toBe(1);
      expect(parsed<RunFacts[]>(ended)[0]).toMatchObject({
        state: 'failed',
        error: { code: expect.stringMatching(/^ERR_/), remedy: expect.any(String) },
      });
    },
    2 * MINUTES,
  );
});

describe('what needs no store', () => {
  it(
    'init writes a documented configuration once',
    async () => {
      await using place = await makePlace(null);
      expect((await place.run('init')).code).toBe(0);
      for (const file of ['tributary.yaml', '.env.example', 'mappings'])
        expect(existsSync(join(place.dir, file))).toBe(true);
      expect(await place.run('init', '--json')).toMatchObject({
        code: 2,
        out: expect.stringContaining('is not overwritten'),
      });
      expect((await place.run('doctor')).out).toMatch(/ok +configuration/);
    },
    MINUTES,
  );

  it(
    'a broken configuration names all its problems, in every command and in doctor',
    async () => {
      await using place = await makePlace(
        'tenant: acme\nport: lots\nconnections:\n  feeds: { connector: feet, path: ./feeds, streams: {} }\nodd: 1\n',
      );
      const listed = await place.run('runs', 'list', '--json');
      expect(listed.code).toBe(2);
      expect(
        parsed<{ error: { code: string; message: string; remedy: string; evidence: { problems: string[] } } }>(listed)
          .error,
      ).toMatchObject({ code: 'ERR_CONFIG_INVALID', evidence: { problems: expect.any(Array) } });
      const doctor = await place.run('doctor');
      expect(doctor.code).toBe(1);
      expect(doctor.out).toMatch(/NOT OK +configuration: .*tributary\.yaml:2:\d+/);
    },
    MINUTES,
  );

  it(
    'mappings are checked, tested, previewed and drafted from files',
    async () => {
      await using place = await makePlace();
      // Nor do they make a store.
      rmSync(join(place.dir, '.tributary'), { recursive: true });
      place.put(
        'stock.csv',
        'sku;location;quantity;as_of\nA-1;main;4;2026-11-20T08:00:00Z\nA-2;main;much;2026-11-20T08:00:00Z\n',
      );
      place.put('wrong.yaml', 'about: x\ncolumns: [a]\nrecord: {key: b}\noutputs:\n  product:\n    fields: {nam: a}\n');
      const at = (file: string) => join(place.dir, file);
      expect(await place.run('mapping', 'check')).toMatchObject({ code: 0, out: expect.stringContaining('0 errors') });
      const wrong = await place.run('mapping', 'check', at('wrong.yaml'));
      expect(wrong).toMatchObject({
        code: 2,
        out: expect.stringMatching(/wrong\.yaml:\d+:\d+: error: .*\n(.*\n)*.*wrong\.yaml:\d+:\d+: error: /),
      });
      expect(await place.run('mapping', 'check', 'nothing-like-it')).toMatchObject({
        code: 2,
        err: expect.stringContaining('inventory-csv'),
      });
      expect(await place.run('mapping', 'test')).toMatchObject({
        code: 0,
        out: expect.stringContaining('all as expected'),
      });
      const preview = await place.run(
        'mapping',
        'preview',
        'inventory-csv',
        '--file',
        at('stock.csv'),
        '--set',
        'delimiter=semicolon',
      );
      expect(preview.code).toBe(3);
      expect(preview.out).toContain('quantity  4');
      expect(preview.out).toMatch(/rejected\n +stock.quantity: /);
      const draft = await place.run(
        'mapping',
        'new',
        '--file',
        at('stock.csv'),
        '--entity',
        'stock',
        '--set',
        'delimiter=semicolon',
      );
      place.put('draft.yaml', draft.out);
      expect(
        await place.run(
          'mapping',
          'check',
          at('draft.yaml'),
          '--file',
          at('stock.csv'),
          '--set',
          'delimiter=semicolon',
        ),
      ).toMatchObject({ code: 0 });
      expect(await place.run('mapping', 'new', '--file', at('stock.csv'))).toMatchObject({
        code: 2,
        err: expect.stringContaining('--entity'),
      });
      expect(await place.run('mapping', 'preview', 'inventory-csv')).toMatchObject({
        code: 2,
        err: expect.stringContaining('--file'),
      });
      expect(await place.run('mapping', 'preview', 'inventory-csv', '--file', at('none.csv'))).toMatchObject({
        code: 2,
      });
      expect(existsSync(join(place.dir, '.tributary'))).toBe(false);
    },
    MINUTES,
  );
});
