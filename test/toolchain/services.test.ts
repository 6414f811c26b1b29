import { Redis } from 'ioredis';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { postgres } from '../support/services.ts';

describe('postgres', () => {
  it('gives an empty database', async () => {
    await using database = await postgres();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query('select count(*)::int as tables from pg_tables where schemaname = $1', ['public']);
    await client.end();
    expect(rows).toEqual([{ tables: 0 }]);
  });
});
