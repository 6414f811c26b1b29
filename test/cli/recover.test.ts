import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openPglite } from '../../src/store/pglite.ts';
import { sql } from '../../src/store/store.ts';
import { waitFor } from '../support/services.ts';
import { makePlace, product, products, throughProgram } from './support.ts';

const MINUTE = 60_000;

it(
  'a run whose program was killed goes on as soon as the program is back, lease or not',
  async () => {
    await using place = await makePlace();
    place.put('feeds/products-1.csv', products([product('A')]));
    expect((await place.run('migrate')).code).toBe(0);
    expect((await place.run('connections', 'list')).code).toBe(0);
    const store = await openPglite(join(place.dir, '.tributary/store'));
    await store.rows(sql`
    insert into run (id, tenant, stream_id, state, mode, trigger, due_at, lease_until, lease_epoch)
    select 1, tenant, id, 'running', 'incremental', 'command', now(), now() + interval '1 hour', 1 from stream order by id limit 1`);
    await store.close();
    const program = await place.start();
    await waitFor(
      'the end of the run',
      async () => (await throughProgram(place.dir, 'runs', 'list')).out.includes('succeeded') || undefined,
      30_000,
    );
    await program.stop();
  },
  MINUTE,
);

it(
  'a store of a newer program is refused in words, and left alone',
  async () => {
    await using place = await makePlace();
    expect((await place.run('migrate')).code).toBe(0);
    const store = await openPglite(join(place.dir, '.tributary/store'));
    await store.rows(sql`insert into migration (hash) values ('of the future')`);
    await store.close();
    expect(await place.run('runs', 'list')).toMatchObject({
      code: 2,
      err: expect.stringContaining('ERR_STORE_VERSION'),
    });
    expect(await place.run('migrate')).toMatchObject({ code: 2, err: expect.not.stringContaining('    at ') });
    expect(await place.run('doctor')).toMatchObject({
      code: 1,
      out: expect.stringMatching(/NOT OK +schema: The store has a migration of another version/),
    });
  },
  MINUTE,
);
