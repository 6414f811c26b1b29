import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forget } from '../../src/load/retention.ts';
import { requestReplay } from '../../src/run/replay.ts';
import { createRun } from '../../src/run/runs.ts';
import { runSlice } from '../../src/run/slice.ts';
import { RECORD_STATE } from '../../src/store/record-state.ts';
import { type Store, sql } from '../../src/store/store.ts';
import { CRM_LENGTH } from '../support/crm.ts';
import { memoryStore } from '../support/stores.ts';
import { IN, OUT, openCrms } from './crms.ts';

const ANN = { Email: 'ann@example.com', LastName: 'Lee', Company: 'Pots', Notes: 'hot' };

describe('a push', () => {
  let store: Store;
  beforeAll(async () => {
    store = await memoryStore();
  });
  afterAll(() => store.close());

  const balanced = async (tenant: number) =>
    expect(
      await store.rows(
        sql`select id from run where tenant = ${tenant} and read <> created + updated + unchanged + skipped + dead_lettered`,
      ),
    ).toEqual([]);

  it('creates what the vendor lacks, once, and what comes back is no change', async () => {
    await using world = await openCrms(store, 'creates');
    world.beta.edit(null, ANN);
    await world.settle();
    expect([...world.alpha.records.values()].map(({ fields }) => fields)).toEqual([ANN]);
    expect(world.alpha.carriedOut.map(({ action }) => action)).toEqual(['create']);
    const [last] = await store.rows<{ n: number }>(
      sql`select count(*) as n from outbox where tenant = ${world.streams.tenant} and change = 'updated'`,
    );
    expect(last?.n).toBe(0);
    await balanced(world.streams.tenant);
  });

  it('does not take the form a vendor keeps a value in for a change of it', async () => {
    await using world = await openCrms(store, 'lossy');
    world.beta.edit(null, { ...ANN, Company: 'Pots' });
    await world.settle();
    // Canonical values longer than the vendor keeps come by a third way: beta keeps twelve as well, so through the store's own words.
    const long = 'A company with a long name';
    world.beta.records.set('L1', {
      ...(world.beta.records.get('L1') ?? { id: 'L1', key: null, deleted: false, version: 0 }),
      fields: { ...ANN, Company: long },
      version: world.clock.now().getTime(),
    });
    await world.settle();
    expect(world.alpha.records.get('L1')?.fields['Company']).toBe(long.slice(0, 12));
    expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: long });
    expect(world.alpha.carriedOut).toHaveLength(2);
    // The vendor's own later edit wins as it always did.
    world.alpha.edit('L1', { Company: 'Jugs' });
    await world.settle();
    expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: 'Jugs' });
    expect(world.alpha.carriedOut).toHaveLength(2);
    // And so does one that puts the old form back.
    await world.clock.advance(1000);
    world.alpha.edit('L1', { Company: long });
    await world.settle();
    expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: long.slice(0, 12) });
    expect(world.alpha.carriedOut).toHaveLength(2);
  });

  it('knows its own write when it comes back before its answer', async () => {
    await using world = await openCrms(store, 'early');
    const long = 'A company with a long name';
    world.beta.edit(null, ANN);
    await world.settle();
    const before = world.beta.records.get('L1');
    if (!before) throw new Error('no record');
    world.beta.records.set('L1', {
      ...before,
      fields: { ...ANN, Company: long },
      version: world.clock.now().getTime(),
    });
    await world.run('beta/leads');
    world.alpha.onWritten = async () => {
      world.alpha.onWritten = () => undefined;
      await world.run('alpha/leads');
      expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: long.slice(0, CRM_LENGTH) });
    };
    await world.run('alpha/leads:out');
    expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: long });
    await world.settle();
    expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: long });
    expect(world.alpha.carriedOut).toHaveLength(2);
  });

  it('keeps what it knew of echoes when records are mapped anew', async () => {
    await using world = await openCrms(store, 'remap');
    world.beta.edit(null, ANN);
    await world.settle();
    world.beta.records.set('L1', {
      id: 'L1',
      key: null,
      deleted: false,
      fields: { ...ANN, Company: 'A company with a long name' },
      version: world.clock.now().getTime(),
    });
    await world.settle();
    await world.setMapping('crm-leads', IN.replace('notes: Notes', 'notes: Notes | trim'));
    await world.run('alpha/leads', 'remap');
    expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: 'A company with a long name' });
  });

  it('merges what both sides changed, field by field, and settles conflicts by the later change', async () => {
    await using world = await openCrms(store, 'merges');
    world.beta.edit(null, ANN);
    await world.settle();
    world.alpha.edit('L1', { LastName: 'Low' });
    world.beta.edit('L1', { Company: 'Jugs' });
    await world.run('beta/leads');
    await world.run('alpha/leads:out');
    expect(world.alpha.records.get('L1')?.fields).toMatchObject({ LastName: 'Low', Company: 'Jugs' });
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ last_name: 'Low', company: { name: 'Jugs' } });
    world.beta.edit('L1', { LastName: 'From beta' });
    await world.clock.advance(10);
    world.alpha.edit('L1', { LastName: 'From alpha' });
    await world.run('beta/leads');
    await world.run('alpha/leads:out');
    expect(world.alpha.records.get('L1')?.fields['LastName']).toBe('From alpha');
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ last_name: 'From alpha' });
    const conflicts = await store.rows<{ conflicts: unknown }>(
      sql`select conflicts from write_ledger where tenant = ${world.streams.tenant} and conflicts <> '[]'::jsonb`,
    );
    expect(conflicts).toEqual([{ conflicts: [{ field: 'LastName', policy: 'last_write_wins', winner: 'theirs' }] }]);
    await balanced(world.streams.tenant);
  });

  it('leaves a word of the vendor as it is, also where the mapping would write it in another form', async () => {
    const out = OUT.replace('value: notes,', 'value: notes | upper,');
    await using world = await openCrms(store, 'own-words', { out });
    world.beta.edit(null, ANN);
    await world.settle();
    world.beta.edit('L1', { Notes: 'from beta' });
    await world.run('beta/leads');
    await world.clock.advance(1000);
    world.alpha.edit('L1', { Notes: 'from alpha' });
    await world.run('alpha/leads:out');
    await world.settle();
    expect(world.alpha.records.get('L1')?.fields['Notes']).toBe('from alpha');
    expect(await world.lead('ann@example.com')).toMatchObject({ notes: 'from alpha' });
    expect(world.alpha.carriedOut).toHaveLength(1);
  });

  it('knows its own write after a search has shown what was there before it', async () => {
    await using world = await openCrms(store, 'trailing');
    const long = 'A company with a long name';
    world.beta.edit(null, ANN);
    await world.settle();
    const there = world.beta.records.get('L1');
    if (!there) throw new Error('no record');
    world.beta.records.set('L1', { ...there, fields: { ...ANN, Company: long }, version: world.clock.now().getTime() });
    await world.run('beta/leads');
    world.alpha.edit('L1', { Industry: 'Clay' });
    const before = world.alpha.records.get('L1');
    await world.clock.advance(1000);
    await world.run('alpha/leads:out');
    const after = world.alpha.records.get('L1');
    if (!before || !after) throw new Error('no record');
    world.alpha.records.set('L1', before);
    await world.run('alpha/leads');
    world.alpha.records.set('L1', after);
    await world.settle();
    expect(world.alpha.records.get('L1')?.fields['Company']).toBe(long.slice(0, CRM_LENGTH));
    expect((await world.lead('ann@example.com'))?.['company']).toMatchObject({ name: long });
    expect(world.alpha.carriedOut).toHaveLength(2);
  });

  it('takes a field that we cleared for our own word when it comes back', async () => {
    await using world = await openCrms(store, 'cleared');
    world.beta.edit(null, ANN);
    await world.settle();
    world.beta.edit('L1', { Notes: null });
    await world.run('beta/leads');
    await world.clock.advance(1000);
    world.beta.edit('L1', { Notes: 'warm' });
    await world.clock.advance(1000);
    await world.run('alpha/leads:out');
    expect(world.alpha.records.get('L1')?.fields['Notes']).toBeNull();
    await world.run('alpha/leads');
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ notes: 'warm' });
    expect(world.alpha.records.get('L1')?.fields['Notes']).toBe('warm');
  });

  it('knows what was written over it within the second that a vendor tells', async () => {
    await using world = await openCrms(store, 'seconds');
    const { alpha, beta, clock } = world;
    const inAlpha = (Notes: string) => {
      alpha.edit('L1', { Notes });
      const edited = alpha.records.get('L1');
      if (edited) alpha.records.set('L1', { ...edited, version: Math.floor(edited.version / 1000) * 1000 });
    };
    beta.edit(null, ANN);
    await world.settle();
    await clock.advance(1100 - (clock.now().getTime() % 1000));
    beta.edit('L1', { Notes: 'from beta' });
    await world.run('beta/leads');
    await clock.advance(100);
    await world.run('alpha/leads:out');
    await clock.advance(300);
    inAlpha('1st flow');
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ notes: '1st flow' });
    expect(alpha.records.get('L1')?.fields['Notes']).toBe('1st flow');
    await world.setMapping('crm-leads', IN.replace('notes: Notes', 'notes: Notes | trim'));
    await world.run('alpha/leads', 'remap');
    expect(await world.lead('ann@example.com')).toMatchObject({ notes: '1st flow' });
    // The same where it was not read again before something is written.
    await clock.advance(1100 - (clock.now().getTime() % 1000));
    beta.edit('L1', { Notes: 'b again' });
    await world.run('beta/leads');
    await clock.advance(100);
    beta.edit('L1', { Notes: 'b later' });
    await clock.advance(100);
    await world.run('alpha/leads:out');
    expect(alpha.records.get('L1')?.fields['Notes']).toBe('b again');
    await clock.advance(300);
    inAlpha('2nd flow');
    await world.run('beta/leads');
    await world.run('alpha/leads:out');
    expect(alpha.records.get('L1')?.fields['Notes']).toBe('2nd flow');
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ notes: '2nd flow' });
  });

  it('knows an earlier write of its own after a later one', async () => {
    await using world = await openCrms(store, 'trailing-write', {
      out: OUT.replace('value: notes,', 'value: notes | upper,'),
    });
    world.beta.edit(null, ANN);
    await world.settle();
    for (const notes of ['first', 'second']) {
      world.beta.edit('L1', { Notes: notes });
      await world.run('beta/leads');
      await world.clock.advance(2000);
      const before = world.alpha.records.get('L1');
      await world.run('alpha/leads:out');
      const after = world.alpha.records.get('L1');
      if (!before || !after) throw new Error('no record');
      if (notes === 'first') continue;
      world.alpha.records.set('L1', before);
      await world.run('alpha/leads');
      expect(await world.lead('ann@example.com')).toMatchObject({ notes: 'second' });
      world.alpha.records.set('L1', after);
    }
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ notes: 'second' });
    expect(world.alpha.records.get('L1')?.fields['Notes']).toBe('SECOND');
  });

  it('does not write an older change over one of the vendor that was not read yet', async () => {
    await using world = await openCrms(store, 'unread');
    world.beta.edit(null, ANN);
    await world.settle();
    world.beta.edit('L1', { LastName: 'First' });
    await world.run('beta/leads');
    await world.clock.advance(1000);
    const older = world.clock.now().getTime();
    await world.clock.advance(1000);
    world.alpha.edit('L1', { LastName: 'Alpha' });
    await world.run('alpha/leads:out');
    // It was changed before alpha's, and turns up after it.
    const same = { id: 'L2', key: null, deleted: false, version: older };
    world.beta.records.set('L2', { ...same, fields: { ...ANN, LastName: 'Older' } });
    await world.run('beta/leads');
    expect(await world.lead('ann@example.com')).toMatchObject({ last_name: 'Older' });
    await world.run('alpha/leads:out');
    expect(world.alpha.records.get('L1')?.fields['LastName']).toBe('Alpha');
    await world.settle();
    expect(world.alpha.records.get('L1')?.fields['LastName']).toBe('Alpha');
    expect(await world.lead('ann@example.com')).toMatchObject({ last_name: 'Alpha' });
  });

  it('writes a later change over what it has read, also where the vendor tells no times', async () => {
    await using world = await openCrms(store, 'timeless');
    world.alpha.isVersioned = false;
    world.beta.edit(null, ANN);
    await world.settle();
    world.alpha.edit('L1', { LastName: 'Low' });
    await world.run('alpha/leads');
    await world.clock.advance(1000);
    world.beta.edit('L1', { LastName: 'High' });
    await world.run('beta/leads');
    await world.clock.advance(1000);
    await world.run('alpha/leads:out');
    expect(world.alpha.records.get('L1')?.fields['LastName']).toBe('High');
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ last_name: 'High' });
  });

  it.each([
    ['platform_wins', 'From beta'],
    ['source_wins', 'From alpha'],
  ] as const)('settles conflicts by the policy %s', async (conflict, expected) => {
    await using world = await openCrms(store, conflict, { conflict });
    world.beta.edit(null, ANN);
    await world.settle();
    const both = async () => {
      world.alpha.edit('L1', { LastName: conflict === 'platform_wins' ? 'From alpha' : 'From alpha' });
      await world.clock.advance(10);
      world.beta.edit('L1', { LastName: 'From beta' });
    };
    await both();
    await world.run('beta/leads');
    await world.run('alpha/leads:out');
    expect(world.alpha.records.get('L1')?.fields['LastName']).toBe(expected);
  });

  it.each(['lost', 'dropped'] as const)('looks an answer that was %s up before it tries again', async (fault) => {
    await using world = await openCrms(store, fault);
    world.beta.edit(null, ANN);
    world.alpha.faults.push(fault);
    await world.settle();
    expect([...world.alpha.records.values()].map(({ fields }) => fields)).toEqual([ANN]);
    expect(new Set(world.alpha.carriedOut.map(({ idempotencyKey }) => idempotencyKey)).size).toBe(1);
    await balanced(world.streams.tenant);
  });

  it('makes nothing a second time that the vendor may still be at, and what never came when it no longer can be', async () => {
    await using world = await openCrms(store, 'late');
    const { alpha, beta, clock } = world;
    alpha.madeWithinMs = 300_000;
    beta.edit(null, ANN);
    await world.run('beta/leads');
    alpha.faults.push('late');
    const run = await world.queue('alpha/leads:out');
    const slice = () => runSlice(world.runs, run, AbortSignal.timeout(60_000));
    for (let past = 0; past < 280_000; past += 20_000) {
      await slice();
      await clock.advance(20_000);
    }
    expect(alpha.records.size).toBe(0);
    alpha.comesThrough();
    expect(await world.work(run)).toMatchObject({ state: 'succeeded', created: 1 });
    expect(alpha.records.size).toBe(1);
    beta.edit(null, { ...ANN, Email: 'bob@example.com' });
    await world.run('beta/leads');
    alpha.faults.push('dropped');
    const next = await world.queue('alpha/leads:out');
    await runSlice(world.runs, next, AbortSignal.timeout(60_000));
    await clock.advance(300_000);
    expect(await world.work(next)).toMatchObject({ state: 'succeeded', created: 1 });
    expect(alpha.records.size).toBe(2);
    await balanced(world.streams.tenant);
  });

  it('knows what it made though it reads it before it is told, and under another key', async () => {
    await using world = await openCrms(store, 'unseen');
    const { alpha, beta } = world;
    beta.edit(null, ANN);
    await world.run('beta/leads');
    alpha.faults.push('lost');
    alpha.isSilent = true;
    const run = await world.queue('alpha/leads:out');
    await runSlice(world.runs, run, AbortSignal.timeout(60_000));
    alpha.edit('L1', { Email: 'ann@elsewhere.example' });
    await world.run('alpha/leads');
    alpha.isSilent = false;
    await world.work(run);
    await world.settle();
    const leads = await store.rows(sql`select 1 from lead where tenant = ${world.streams.tenant}`);
    expect([alpha.records.size, leads.length]).toEqual([1, 1]);
    await balanced(world.streams.tenant);
  });

  it('tells a person of what the vendor made otherwise, and makes no other', async () => {
    await using world = await openCrms(store, 'otherwise');
    const { alpha, beta } = world;
    beta.edit(null, ANN);
    await world.run('beta/leads');
    alpha.faults.push('otherwise');
    expect(await world.run('alpha/leads:out')).toMatchObject({ dead_lettered: 1 });
    await world.settle();
    beta.edit('L1', { Notes: 'more' });
    await world.settle();
    expect([...alpha.records.values()].map(({ fields }) => fields['Notes'])).toEqual(['more']);
    await balanced(world.streams.tenant);
  });

  it.each(['lost', 'dropped'] as const)(
    'goes on with others while it waits for an answer that was %s',
    async (fault) => {
      await using world = await openCrms(store, `waits-${fault}`);
      const { alpha, beta, clock } = world;
      beta.edit(null, ANN);
      await world.settle();
      beta.edit('L1', { Notes: 'first' });
      await world.run('beta/leads');
      alpha.faults.push(fault);
      alpha.isSilent = true;
      const run = await world.queue('alpha/leads:out');
      const slice = () => runSlice(world.runs, run, AbortSignal.timeout(60_000));
      await slice();
      beta.edit('L1', { Notes: 'second' });
      beta.edit(null, { ...ANN, Email: 'bob@example.com' });
      await world.run('beta/leads');
      await clock.advance(60_000);
      expect(await slice()).toMatchObject({ againInMs: expect.any(Number) });
      expect(alpha.carriedOut.map(({ values }) => values['Email'] ?? values['Notes'])).toEqual([
        ANN.Email,
        ...(fault === 'lost' ? ['first'] : []),
        'bob@example.com',
      ]);
      alpha.isSilent = false;
      await clock.advance(60_000);
      expect(await world.work(run)).toMatchObject({ state: 'succeeded', skipped: 0, dead_lettered: 0 });
      await world.settle();
      expect(alpha.records.get('L1')?.fields['Notes']).toBe('second');
      expect(alpha.carriedOut.filter(({ id }) => id === 'L1')).toHaveLength(fault === 'lost' ? 2 : 1);
      await balanced(world.streams.tenant);
    },
  );

  it('tries again what the vendor refuses for a while, and gives up on what it never takes', async () => {
    await using world = await openCrms(store, 'refusals');
    world.beta.edit(null, ANN);
    world.alpha.faults.push('busy', 'busy', 'refused');
    const run = async () => world.run('alpha/leads:out');
    await world.run('beta/leads');
    expect(await run()).toMatchObject({ state: 'succeeded', read: 1, dead_lettered: 1 });
    const letters = () =>
      store.rows(sql`select external_id, code, state from dead_letter where tenant = ${world.streams.tenant}`);
    expect(await letters()).toEqual([{ external_id: expect.stringMatching(/^lead_/), code: 'REFUSED', state: 'open' }]);
    world.beta.edit('L1', { Notes: 'cold' });
    await world.settle();
    expect(await letters()).toMatchObject([{ state: 'replayed' }]);
    expect(world.alpha.records.get('L1')?.fields).toMatchObject({ Notes: 'cold' });
    await balanced(world.streams.tenant);
  });

  it('tries the dead letters again that somebody names, and no others', async () => {
    await using world = await openCrms(store, 'replays');
    const { tenant } = world.streams;
    for (const name of ['ann', 'bob']) {
      world.beta.edit(null, { ...ANN, Email: `${name}@example.com` });
      await world.run('beta/leads');
      world.alpha.faults.push('refused');
      await world.clock.advance(1);
      const { id: streamId } = world.stream('alpha/leads:out');
      const of = { tenant, streamId, mode: 'push', trigger: 'schedule', dueAt: world.clock.now() } as const;
      await world.work((await createRun(store, of)) ?? 0);
    }
    const letters = () =>
      store.rows<{ id: number; state: string }>(
        sql`select id, state from dead_letter where tenant = ${tenant} order by id`,
      );
    const ids = (await letters()).map((letter) => letter.id);
    expect(ids).toHaveLength(2);
    const replay = await requestReplay(world.runs, tenant, { ids: ids.slice(1) }, 'command');
    expect(replay).toMatchObject({ letters: 1, without: [] });
    expect(await world.work(replay.runs[0] ?? 0)).toMatchObject({
      state: 'succeeded',
      mode: 'push',
      created: 1,
    });
    expect((await letters()).map((letter) => letter.state)).toEqual(['open', 'replayed']);
    expect([...world.alpha.records.values()].map(({ fields }) => fields['Email'])).toEqual(['bob@example.com']);
    await balanced(tenant);
  });

  it('only lists what it would write until somebody approves', async () => {
    await using world = await openCrms(store, 'listed', { approved: false });
    world.beta.edit(null, ANN);
    await world.run('beta/leads');
    const run = await world.run('alpha/leads:out');
    expect(run).toMatchObject({ state: 'held', read: 1, skipped: 1, skipped_by: { 'waits for approval': 1 } });
    expect(world.alpha.records.size).toBe(0);
  });

  it('ties a record to the entity it was made of, even where the vendor changes its keys', async () => {
    await using world = await openCrms(store, 'ties');
    world.beta.edit(null, ANN);
    await world.run('beta/leads');
    await world.run('alpha/leads:out');
    world.alpha.edit('L1', { Email: 'other@example.com' });
    await world.settle();
    const [count] = await store.rows<{ n: number }>(
      sql`select count(*) as n from lead where tenant = ${world.streams.tenant}`,
    );
    expect(count?.n).toBe(1);
  });

  it('keeps changes that it has not seen, however old they are', async () => {
    await using world = await openCrms(store, 'old');
    world.beta.edit(null, ANN);
    await world.run('beta/leads');
    await world.run('alpha/leads:out');
    world.beta.edit('L1', { Notes: 'cold' });
    await world.run('beta/leads');
    await world.clock.advance(30 * 86_400_000);
    const days = { rawDays: 90, outboxDays: 7, runDays: 90 };
    const { outbox } = await forget(store, world.streams.tenant, days, world.clock.now());
    expect(outbox).toBeGreaterThan(0);
    await world.run('alpha/leads:out');
    expect(world.alpha.records.get('L1')?.fields['Notes']).toBe('cold');
    await forget(store, world.streams.tenant, days, world.clock.now());
    const [left] = await store.rows<{ n: number }>(
      sql`select count(*) as n from outbox where tenant = ${world.streams.tenant} and at < ${world.clock.now().toISOString()}::timestamptz - interval '7 days'`,
    );
    expect(left?.n).toBe(0);
  });

  it('removes at the vendor what no source has any more', async () => {
    await using world = await openCrms(store, 'removes');
    world.beta.edit(null, ANN);
    await world.run('beta/leads');
    await world.run('alpha/leads:out');
    world.beta.remove('L1');
    await world.run('beta/leads');
    expect(await world.run('alpha/leads:out')).toMatchObject({ state: 'succeeded', updated: 1, deleted: 1 });
    expect(world.alpha.records.get('L1')?.deleted).toBe(true);
    await balanced(world.streams.tenant);
  });

  it('reads that the vendor deleted what it had written', async () => {
    await using world = await openCrms(store, 'deleted');
    world.beta.edit(null, ANN);
    await world.settle();
    world.alpha.remove('L1');
    await world.settle();
    const states = await store.rows(sql`
      select r.state from record r join stream s on s.id = r.stream_id join connection c on c.id = s.connection_id
      where s.tenant = ${world.streams.tenant} and c.name = 'alpha'`);
    expect(states).toEqual([{ state: RECORD_STATE.deleted }]);
    await balanced(world.streams.tenant);
  });

  it('goes on with a record that came back, and with the one that another was merged into', async () => {
    await using world = await openCrms(store, 'returns');
    const { alpha, beta } = world;
    beta.edit(null, ANN);
    await world.settle();
    alpha.remove('L1');
    beta.edit('L1', { Notes: 'cold' });
    await world.settle();
    expect([...alpha.records.keys()]).toEqual(['L1']);
    const gone = alpha.records.get('L1');
    if (!gone) throw new Error('the record was forgotten');
    alpha.records.set('L1', { ...gone, deleted: false, version: gone.version + 1000 });
    await world.settle();
    beta.edit('L1', { Notes: 'warm' });
    await world.settle();
    expect(alpha.records.get('L1')?.fields['Notes']).toBe('warm');
    // A second one of the same person, which takes the first one's place just as something changes here.
    alpha.edit(null, ANN);
    await world.settle();
    beta.edit('L1', { Notes: 'hotter' });
    await world.run('beta/leads');
    alpha.remove('L1');
    await world.settle();
    expect(alpha.records.get('L2')?.fields['Notes']).toBe('hotter');
    beta.edit('L1', { Notes: 'sold' });
    await world.settle();
    expect(alpha.records.get('L2')?.fields['Notes']).toBe('sold');
    expect(alpha.records.size).toBe(2);
    await balanced(world.streams.tenant);
  });

  it('reads again what it had planned before it was killed', async () => {
    await using world = await openCrms(store, 'planned');
    world.beta.edit(null, ANN);
    await world.settle();
    world.beta.edit('L1', { LastName: 'From beta' });
    await world.run('beta/leads');
    const real = store.transaction;
    const run = await world.queue('alpha/leads:out');
    const planned = () =>
      store.rows(sql`select 1 from write_ledger where tenant = ${world.streams.tenant} and state = 'planned'`);
    store.transaction = async (work, options) => {
      if ((await planned()).length > 0) throw new Error('killed');
      return real(work, options);
    };
    await world.work(run).catch(() => undefined);
    store.transaction = real;
    expect(await planned()).toHaveLength(1);
    await world.clock.advance(120_000);
    world.alpha.edit('L1', { LastName: 'From alpha' });
    await world.work(run);
    expect(world.alpha.records.get('L1')?.fields['LastName']).toBe('From alpha');
    await world.settle();
    expect(await world.lead('ann@example.com')).toMatchObject({ last_name: 'From alpha' });
    await balanced(world.streams.tenant);
  });

  it('goes on after a kill at any step without a second create or a lost change', async () => {
    for (const step of [1, 2, 3, 4, 5, 6, 7]) {
      await using world = await openCrms(store, `killed-${step}`);
      world.beta.edit(null, ANN);
      await world.run('beta/leads');
      let transactions = 0;
      const real = store.transaction;
      const run = await world.queue('alpha/leads:out');
      store.transaction = async (work, options) => {
        transactions += 1;
        if (transactions >= step) throw new Error('killed');
        return real(work, options);
      };
      await world.work(run).catch(() => undefined);
      store.transaction = real;
      await world.clock.advance(120_000);
      await world.work(run);
      await world.settle();
      expect(world.alpha.records.size, `step ${step}`).toBe(1);
      expect(world.alpha.records.get('L1')?.fields, `step ${step}`).toEqual(ANN);
    }
  });
});
