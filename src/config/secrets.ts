/**
 * Secrets of connections: which settings are secret, how they are masked in outputs, how they are encrypted at rest.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import type { Json } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';

/** What stands in an output where a secret would be. */
export const MASK = '********';

/** A 32-byte key with a name derived from it, so that a sealed secret can say which key opens it. */
export type SecretKey = { readonly id: string; readonly bytes: Uint8Array };

/** The key that seals, and those that only open what was sealed earlier. */
export type KeyRing = { readonly current: SecretKey; readonly older: readonly SecretKey[] };

/**
 * Paths of the secrets in a settings schema, sorted. `a.b` names a property, `a[].b` each of a list, `a.*` each value of a record.
 * @example secretPaths(z.object({ token: secret('API token') })) // ['token']
 */
export function secretPaths(schema: z.ZodType): readonly string[] {
  const root = describe(schema);
  const found = new Set<string>();
  const visit = (node: SchemaNode, path: string, within: readonly SchemaNode[]): void => {
    if (within.includes(node)) return;
    if (node.secret === true) found.add(path);
    for (const alternative of alternatives(root, node)) visit(alternative, path, [...within, node]);
    for (const { step, child } of children(node)) {
      const next = step === '[]' || path === '' ? `${path}${step}` : `${path}.${step}`;
      visit(child, next, [...within, node]);
    }
  };
  visit(root, '', []);
  return [...found].sort();
}

/**
 * A copy of the settings fit for outputs: secrets are replaced by `MASK`, and so is everything the schema does not
 * declare, because a misspelt name must not show its secret. Passwords inside addresses are cut out.
 */
export function maskSecrets(schema: z.ZodType, settings: Json): Json {
  const root = describe(schema);
  return mask(root, expand(root, [root]), settings);
}

/** Every secret value in the settings, for scrubbing texts that others wrote (error messages of SDKs). */
export function secretValues(schema: z.ZodType, settings: Json): readonly string[] {
  const root = describe(schema);
  const values = new Set<string>();
  const visit = (nodes: readonly SchemaNode[], value: Json): void => {
    if (nodes.some((node) => node.secret === true) && typeof value === 'string' && value !== '') values.add(value);
    else if (Array.isArray(value)) for (const entry of value) visit(childrenAt(root, nodes, '[]'), entry);
    else if (isObject(value))
      for (const [name, entry] of Object.entries(value)) visit(childrenAt(root, nodes, name), entry);
  };
  visit(expand(root, [root]), settings);
  return [...values];
}

/**
 * Keys from text: hex or base64, 32 bytes each, separated by commas or white space. The first one seals; the others
 * only open (put the new key in front to rotate).
 * @throws TributaryError `ERR_CONFIG_SECRET_KEY` when one of them is no key
 */
export function parseKeyRing(text: string, origin: string): KeyRing {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const [current, ...older] = words.map((word, index) => parseKey(word, origin, index + 1));
  if (!current) throw keyProblem(`${origin} holds no key.`, KEY_REMEDY);
  return { current, older };
}

/**
 * The key ring of this program: the value of TRIBUTARY_SECRET_KEY where it is set, else the key file, which is
 * generated (mode 0600) when it does not exist. With both, the file's keys still open what they sealed.
 * @throws TributaryError `ERR_CONFIG_SECRET_KEY` when a key is malformed or the file is open to other users
 */
export async function loadKeyRing(source: { readonly value: string | null; readonly file: string }): Promise<KeyRing> {
  const fromFile = await readKeyFile(source.file);
  if (source.value !== null && source.value !== '') {
    const given = parseKeyRing(source.value, 'TRIBUTARY_SECRET_KEY');
    const older = fromFile ? [fromFile.current, ...fromFile.older] : [];
    return { current: given.current, older: [...given.older, ...older] };
  }
  if (fromFile) return fromFile;
  await generateKeyFile(source.file);
  const generated = await readKeyFile(source.file);
  if (!generated) throw keyProblem(`${source.file} vanished while it was being made.`, KEY_REMEDY);
  return generated;
}

/**
 * Seals a secret with AES-256-GCM under the current key.
 * @param boundTo where it belongs (tenant, connection, path); it opens nowhere else
 */
export function encryptSecret(ring: KeyRing, plaintext: string, boundTo: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', ring.current.bytes, iv);
  cipher.setAAD(additionalData(ring.current.id, boundTo));
  const sealed = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()]);
  return [VERSION, ring.current.id, Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')].join('.');
}

/**
 * Opens what `encryptSecret` sealed, with whichever key of the ring sealed it.
 * @throws TributaryError `ERR_CONFIG_SECRET_KEY` when no key fits, the text was altered, or it belongs elsewhere
 */
export function decryptSecret(ring: KeyRing, sealed: string, boundTo: string): string {
  const [version, keyId, body] = sealed.split('.');
  const key = [ring.current, ...ring.older].find((known) => known.id === keyId);
  if (version !== VERSION || keyId === undefined || body === undefined)
    throw keyProblem('An encrypted secret is not in a known form.');
  if (!key) throw keyProblem(`An encrypted secret needs the key ${keyId}, which this program was not given.`);
  const bytes = Buffer.from(body, 'base64url');
  if (bytes.length < IV_BYTES + TAG_BYTES) throw keyProblem('An encrypted secret is cut short.');
  const decipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(additionalData(key.id, boundTo));
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw keyProblem('An encrypted secret was altered, or moved from where it belongs.', undefined, cause);
  }
}

/** Is it sealed with the current key? If not, `rotateSecret` seals it anew. */
export function isSealedWithCurrent(ring: KeyRing, sealed: string): boolean {
  return sealed.startsWith(`${VERSION}.${ring.current.id}.`);
}

/** The same secret, sealed with the current key. */
export function rotateSecret(ring: KeyRing, sealed: string, boundTo: string): string {
  return isSealedWithCurrent(ring, sealed)
    ? sealed
    : encryptSecret(ring, decryptSecret(ring, sealed, boundTo), boundTo);
}

const VERSION = 'v1';
const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const KEY_REMEDY = 'Give 32 random bytes as hex or base64, for instance from `openssl rand -hex 32`.';

function keyProblem(message: string, remedy?: string, cause?: unknown): TributaryError {
  return new TributaryError('ERR_CONFIG_SECRET_KEY', message, { ...(remedy === undefined ? {} : { remedy }), cause });
}

function additionalData(keyId: string, boundTo: string): Buffer {
  return Buffer.from(JSON.stringify([VERSION, keyId, boundTo]), 'utf8');
}

// The word itself must not get into a message: say which one by its place.
function parseKey(word: string, origin: string, place: number): SecretKey {
  const bytes = /^[0-9a-f]{64}$/i.test(word) ? Buffer.from(word, 'hex') : Buffer.from(word, 'base64');
  const isClean = /^[0-9a-f]{64}$|^[A-Za-z0-9+/_-]{43}=?$/i.test(word);
  if (!isClean || bytes.length !== KEY_BYTES)
    throw keyProblem(`Key ${place} of ${origin} is not 32 bytes in hex or base64.`, KEY_REMEDY);
  return { id: createHash('sha256').update('tributary key id').update(bytes).digest('hex').slice(0, 12), bytes };
}

async function readKeyFile(file: string): Promise<KeyRing | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw keyProblem(`The key file ${file} cannot be read.`, 'Give this user the right to read it.', error);
  }
  const isOpen = process.platform !== 'win32' && ((await stat(file)).mode & 0o077) !== 0;
  if (isOpen)
    throw keyProblem(
      `The key file ${file} is open to other users.`,
      `Run \`chmod 600 ${file}\`; if others could read it, rotate the key.`,
    );
  return parseKeyRing(text, file);
}

// Written aside and linked into place: of two programs that start at once one wins, and none reads half a key.
async function generateKeyFile(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await writeDurably(draft, `${randomBytes(KEY_BYTES).toString('hex')}\n`);
    await link(draft, file);
  } catch (error) {
    if (!hasCode(error, 'EEXIST'))
      throw keyProblem(
        `The key file ${file} cannot be written.`,
        'Make its folder writable, or set TRIBUTARY_SECRET_KEY.',
        error,
      );
  } finally {
    await rm(draft, { force: true });
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

// A zod schema is walked as the JSON schema zod makes of it: metadata, optionals and pipes are resolved there.
type SchemaNode = { readonly [keyword: string]: unknown };

function describe(schema: z.ZodType): SchemaNode {
  const node: unknown = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return isNode(node) ? node : {};
}

function isNode(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isObject(value: Json): value is { [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Nodes that speak of the same value: branches of unions, what a `$ref` points to. */
function alternatives(root: SchemaNode, node: SchemaNode): readonly SchemaNode[] {
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((keyword) =>
    Array.isArray(node[keyword]) ? node[keyword] : [],
  );
  return [...branches, ...resolve(root, node.$ref)].filter(isNode);
}

function resolve(root: SchemaNode, reference: unknown): readonly unknown[] {
  if (typeof reference !== 'string') return [];
  let at: unknown = root;
  for (const step of reference.replace(/^#\/?/, '').split('/').filter(Boolean)) at = isNode(at) ? at[step] : undefined;
  return [at];
}

function children(node: SchemaNode): readonly { readonly step: string; readonly child: SchemaNode }[] {
  const named = isNode(node.properties) ? Object.entries(node.properties) : [];
  const listed = [node.items, ...(Array.isArray(node.prefixItems) ? node.prefixItems : [])].map(
    (child) => ['[]', child] as const,
  );
  const all = [...named, ...listed, ['*', node.additionalProperties] as const];
  return all.flatMap(([step, child]) => (isNode(child) ? [{ step, child }] : []));
}

function expand(root: SchemaNode, nodes: readonly SchemaNode[]): readonly SchemaNode[] {
  const all = new Set<SchemaNode>(nodes);
  for (const node of all) for (const alternative of alternatives(root, node)) all.add(alternative);
  return [...all];
}

function childrenAt(root: SchemaNode, nodes: readonly SchemaNode[], name: string): readonly SchemaNode[] {
  const at = nodes.flatMap((node) => {
    const own = children(node);
    const exact = own.filter(({ step }) => step === name);
    return (exact.length > 0 ? exact : own.filter(({ step }) => step === '*' && name !== '[]')).map(
      ({ child }) => child,
    );
  });
  return expand(root, at);
}

function mask(root: SchemaNode, nodes: readonly SchemaNode[], value: Json): Json {
  if (value === null) return null;
  const isDeclared = nodes.some((node) => Object.keys(node).length > 0);
  if (!isDeclared || nodes.some((node) => node.secret === true)) return MASK;
  if (Array.isArray(value)) return value.map((entry) => mask(root, childrenAt(root, nodes, '[]'), entry));
  if (isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, entry]) => [name, mask(root, childrenAt(root, nodes, name), entry)]),
    );
  }
  return typeof value === 'string' ? value.replace(/(:\/\/)[^/?#\s]*@/g, `$1${MASK}@`) : value;
}
