/** API keys: shown once when they are made, kept as SHA-256 only. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseId, publicId } from '../canonical/ids.ts';
import type { Clock } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { type Store, sql, texts } from '../store/store.ts';

/** What a key may do, `verb:resource`. */
export const SCOPES = ['read:inventory', 'write:inventory', 'read:leads', 'write:leads', 'read:metrics'] as const;
export type Scope = (typeof SCOPES)[number];

/** What is known of a key after it was made. */
export type KeyFacts = {
  /** `key_…` */
  readonly id: string;
  readonly name: string;
  /** First characters, enough to recognise it by. */
  readonly prefix: string;
  readonly scopes: readonly string[];
  readonly createdAt: Date;
  readonly revokedAt: Date | null;
};

export type NewKey = {
  readonly tenant: string;
  readonly name: string;
  readonly scopes: readonly string[];
  /** `test` for the sandbox. @defaultValue live */
  readonly environment?: 'live' | 'test';
};

/** Who asks. */
export type Caller = { readonly keyId: number; readonly tenant: number; readonly scopes: ReadonlySet<string> };

type KeyRow = {
  id: number;
  name: string;
  prefix: string;
  scopes: string[];
  created_at: Date | string;
  revoked_at: Date | string | null;
};

const hashOf = (key: string): string => createHash('sha256').update(key).digest('hex');

/**
 * Makes a key. `key` is shown here and never again.
 * @throws ERR_API_VALIDATION for an unknown scope, ERR_NOT_FOUND for an unknown tenant
 */
export async function createKey(
  store: Store,
  clock: Clock,
  { tenant, name, scopes, environment = 'live' }: NewKey,
): Promise<{ readonly key: string; readonly facts: KeyFacts }> {
  const unknown = scopes.filter((scope) => !SCOPES.some((known) => known === scope));
  if (unknown.length > 0 || scopes.length === 0) {
    const what = unknown.length > 0 ? `There is no scope ${unknown.join(', ')}` : 'A key needs at least one scope';
    throw new TributaryError('ERR_API_VALIDATION', `${what}.`, { remedy: `Scopes are ${SCOPES.join(', ')}.` });
  }
  const key = `mk_${environment}_${randomBytes(12).toString('hex')}`;
  const id = (await store.newIds(1)).next();
  const rows = await store.rows<KeyRow>(sql`
    insert into api_key (id, tenant, name, prefix, hash, scopes, created_at)
    select ${id}, t.id, ${name}, ${key.slice(0, 12)}, ${hashOf(key)}, ${texts([...new Set(scopes)])}, ${clock.now().toISOString()}::timestamptz
    from tenant t where t.name = ${tenant}
    returning id, name, prefix, scopes, created_at, revoked_at`);
  return { key, facts: factsOf(rows[0] ?? noTenant(tenant)) };
}

/** Every key of a tenant, the newest first. */
export async function listKeys(store: Store, tenant: string): Promise<readonly KeyFacts[]> {
  const rows = await store.rows<KeyRow>(sql`
    select k.id, k.name, k.prefix, k.scopes, k.created_at, k.revoked_at
    from api_key k join tenant t on t.id = k.tenant where t.name = ${tenant} order by k.id desc`);
  return rows.map(factsOf);
}

/**
 * Ends a key, named by its id; from the next request on it is refused. Once more changes nothing.
 * @throws ERR_NOT_FOUND
 */
export async function revokeKey(
  store: Store,
  clock: Clock,
  { tenant, id }: { readonly tenant: string; readonly id: string },
): Promise<KeyFacts> {
  const rows = await store.rows<KeyRow>(sql`
    update api_key k set revoked_at = coalesce(k.revoked_at, ${clock.now().toISOString()}::timestamptz) from tenant t
    where t.id = k.tenant and t.name = ${tenant} and k.id = ${parseId('key', id) ?? -1}
    returning k.id, k.name, k.prefix, k.scopes, k.created_at, k.revoked_at`);
  if (!rows[0])
    throw new TributaryError('ERR_NOT_FOUND', `There is no API key ${id.slice(0, 40)}.`, {
      remedy: 'List the keys with `tributary keys list`.',
    });
  return factsOf(rows[0]);
}

/** Finds who a key belongs to; `null` when it is unknown or revoked. Lookups of one key at the same time are one. */
export function keyFinder(store: Store): (key: string) => Promise<Caller | null> {
  const underWay = new Map<string, Promise<Caller | null>>();
  return (key) => {
    const hash = hashOf(key);
    const other = underWay.get(hash);
    if (other) return other;
    const found = findKey(store, hash).finally(() => underWay.delete(hash));
    underWay.set(hash, found);
    return found;
  };
}

async function findKey(store: Store, hash: string): Promise<Caller | null> {
  // As the owner: which tenant it is comes from the key itself.
  const [row] = await store.rows<{ id: number; tenant: number; scopes: string[]; hash: string }>(
    sql`select id, tenant, scopes, hash from api_key where hash = ${hash} and revoked_at is null`,
  );
  if (!row || !timingSafeEqual(Buffer.from(row.hash, 'hex'), Buffer.from(hash, 'hex'))) return null;
  return { keyId: row.id, tenant: row.tenant, scopes: new Set(row.scopes) };
}

function factsOf(row: KeyRow): KeyFacts {
  return {
    id: publicId('key', row.id),
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    createdAt: new Date(row.created_at),
    revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at),
  };
}

function noTenant(tenant: string): never {
  throw new TributaryError('ERR_NOT_FOUND', `There is no tenant ${tenant} in this store.`, {
    remedy: 'Start the program once with this tenant in tributary.yaml.',
  });
}
