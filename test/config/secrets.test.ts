import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  decryptSecret,
  encryptSecret,
  isSealedWithCurrent,
  loadKeyRing,
  MASK,
  maskSecrets,
  parseKeyRing,
  rotateSecret,
  secretPaths,
  secretValues,
} from '../../src/config/secrets.ts';
import { secret, z } from '../../src/connector/index.ts';

const OLD = 'ab'.repeat(32);
const NEW = Buffer.alloc(32, 7).toString('base64');

const schema = z.strictObject({
  host: z.string(),
  auth: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('token'), token: secret('token') }),
    z.strictObject({ kind: z.literal('password'), user: z.string(), password: secret('password').min(8).optional() }),
  ]),
  headers: z.record(z.string(), secret('header value')).default({}),
  accounts: z.array(z.strictObject({ name: z.string(), key: secret('key').nullable() })).optional(),
  note: z
    .string()
    .transform((text) => text.trim())
    .optional(),
});

describe('finding secrets', () => {
  test('finds them through unions, records, lists, optionals and defaults', () => {
    expect(secretPaths(schema)).toEqual(['accounts[].key', 'auth.password', 'auth.token', 'headers.*']);
  });

  test('ends on a schema that contains itself', () => {
    type Node = { token?: string | undefined; next?: Node | undefined };
    const node: z.ZodType<Node> = z.lazy(() => z.object({ token: secret('t').optional(), next: node.optional() }));
    expect(secretPaths(node)).toContain('token');
  });

  test('masks secrets, undeclared settings and passwords in addresses, and nothing else', () => {
    const masked = maskSecrets(schema, {
      host: 'https://user:pw@shop.example/path?x=1',
      auth: { kind: 'token', token: 'tok', passwrod: 'typo' },
      headers: { 'X-Key': 'k', Other: null },
      accounts: [
        { name: 'one', key: 'k1' },
        { name: 'two', key: null },
      ],
      unknown: { deep: ['s'] },
    });
    expect(masked).toEqual({
      host: `https://${MASK}@shop.example/path?x=1`,
      auth: { kind: 'token', token: MASK, passwrod: MASK },
      headers: { 'X-Key': MASK, Other: null },
      accounts: [
        { name: 'one', key: MASK },
        { name: 'two', key: null },
      ],
      unknown: MASK,
    });
  });

  test('lists secret values for scrubbing', () => {
    const values = secretValues(schema, {
      host: 'h',
      auth: { kind: 'token', token: 'tok' },
      headers: { a: 'v' },
      accounts: [{ name: 'n', key: 'k' }],
    });
    expect(values).toEqual(['tok', 'v', 'k']);
  });
});

describe('sealing', () => {
  const ring = parseKeyRing(OLD, 'test');

  test.each(['', 'plain', 'ünï 🔑 \u0000', 'x'.repeat(100_000)])('opens what it sealed (%#)', (text) => {
    expect(decryptSecret(ring, encryptSecret(ring, text, 't/c/token'), 't/c/token')).toBe(text);
  });

  test('seals the same text differently each time and never shows it', () => {
    const [one, two] = [encryptSecret(ring, 'hunter2', 'a'), encryptSecret(ring, 'hunter2', 'a')];
    expect(one).not.toBe(two);
    expect(one).not.toContain(Buffer.from('hunter2').toString('base64url'));
  });

  test('refuses an altered, moved, shortened or foreign text', () => {
    const sealed = encryptSecret(ring, 'hunter2', 'tenant-a/shop/token');
    const [version, id, body = ''] = sealed.split('.');
    const flipped = Buffer.from(body, 'base64url').map((byte, at) => (at === 30 ? byte ^ 1 : byte));
    const bad = [
      [`${version}.${id}.${Buffer.from(flipped).toString('base64url')}`, 'tenant-a/shop/token'],
      [sealed, 'tenant-b/shop/token'],
      [`${version}.${id}.${body.slice(0, 20)}`, 'tenant-a/shop/token'],
      ['plain text', 'tenant-a/shop/token'],
    ] as const;
    for (const [text, boundTo] of bad) {
      expect(() => decryptSecret(ring, text, boundTo)).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIG_SECRET_KEY' }),
      );
    }
  });

  test('rotates: a new first key opens old secrets and seals them anew', () => {
    const sealed = encryptSecret(ring, 'hunter2', 'a');
    const rotated = parseKeyRing(`${NEW},${OLD}`, 'test');
    const anew = rotateSecret(rotated, sealed, 'a');
    expect(isSealedWithCurrent(rotated, sealed)).toBe(false);
    expect(isSealedWithCurrent(rotated, anew)).toBe(true);
    expect(rotateSecret(rotated, anew, 'a')).toBe(anew);
    expect(decryptSecret(parseKeyRing(NEW, 'test'), anew, 'a')).toBe('hunter2');
    expect(() => decryptSecret(parseKeyRing(NEW, 'test'), sealed, 'a')).toThrow(/needs the key/);
  });

  test.each(['', 'abc', 'ab'.repeat(31), `${'ab'.repeat(32)}0`, 'zz'.repeat(32)])(
    'refuses a key that is none, without showing it (%#)',
    (text) => {
      let message = '';
      try {
        parseKeyRing(text, 'TRIBUTARY_SECRET_KEY');
      } catch (error) {
        message = error instanceof Error ? error.message : '';
      }
      expect(message).toMatch(/TRIBUTARY_SECRET_KEY/);
      if (text !== '') expect(message).not.toContain(text);
    },
  );
});

describe('the key file', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'tributary-key-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  test('is made once, closed to others, by whichever of many starts first', async () => {
    const file = join(dir, 'new', 'secret.key');
    const rings = await Promise.all(Array.from({ length: 8 }, () => loadKeyRing({ value: null, file })));
    expect(new Set(rings.map((ring) => ring.current.id)).size).toBe(1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test('is refused when others can read it', async () => {
    const file = join(dir, 'secret.key');
    await writeFile(file, OLD, { mode: 0o600 });
    await chmod(file, 0o640);
    await expect(loadKeyRing({ value: null, file })).rejects.toMatchObject({
      code: 'ERR_CONFIG_SECRET_KEY',
      remedy: expect.stringContaining('chmod 600'),
    });
  });

  test('still opens its secrets after a key was put into the environment', async () => {
    const file = join(dir, 'secret.key');
    const before = await loadKeyRing({ value: null, file });
    const sealed = encryptSecret(before, 'hunter2', 'a');
    const after = await loadKeyRing({ value: NEW, file });
    expect(decryptSecret(after, sealed, 'a')).toBe('hunter2');
    expect(isSealedWithCurrent(after, encryptSecret(after, 'x', 'a'))).toBe(true);
    expect(await readFile(file, 'utf8')).not.toContain(NEW);
  });

  test('is not made when the environment gives a key', async () => {
    const file = join(dir, 'secret.key');
    await loadKeyRing({ value: OLD, file });
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
