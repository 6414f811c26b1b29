/**
 * Shopify's published Admin schemas, taken from the tarball of @shopify/dev-mcp (ISC): its dependencies are not installed.
 * `node scripts/shopify-schemas.ts` makes the schema that the sandbox runs on anew.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { IntrospectionQuery } from 'graphql';

const PACKAGE = '@shopify/dev-mcp';
const RELEASE = '1.16.0';
const INTEGRITY = 'sha512-tqgRnK7sQhjew+htxtleTH23nXB5fZcsrhWgEkomsorGXvLOB2mh2upwZm8uzuTDNTZnqtLMe64yIwh6s2awtw==';
const root = join(import.meta.dirname, '..');
const cache = join(root, 'node_modules', '.cache', 'shopify-schemas');
const run = promisify(execFile);

/**
 * The introspection of one version (`2026-10`, `unstable`). Asks the npm registry once; afterwards the cache has it.
 * @throws Error when the registry cannot be reached or sends another package than the one that is pinned
 */
export async function publishedSchema(version: string): Promise<IntrospectionQuery> {
  const file = join(await unpacked(), 'package', 'dist', 'data', `admin_${version}.json.gz`);
  return JSON.parse(gunzipSync(readFileSync(file)).toString('utf8')).data;
}

async function unpacked(): Promise<string> {
  const folder = join(cache, RELEASE);
  if (existsSync(folder)) return folder;
  const scratch = join(cache, `${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    await run('npm', ['pack', `${PACKAGE}@${RELEASE}`, '--pack-destination', scratch], {
      shell: process.platform === 'win32',
    });
    const archive = join(scratch, `shopify-dev-mcp-${RELEASE}.tgz`);
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (found !== INTEGRITY) throw new Error(`${PACKAGE}@${RELEASE} is not the package that was pinned`);
    await run('tar', ['-xzf', archive, '-C', scratch]);
    rmSync(archive);
    // Another process may have been quicker; its copy is the same one.
    if (!existsSync(folder)) renameSync(scratch, folder);
    return folder;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Texts for people make three quarters of a schema; a server needs none of them. */
const withoutTexts = (key: string, value: unknown): unknown => (key === 'description' ? undefined : value);

if (import.meta.main) {
  const version = '2026-10';
  const text = JSON.stringify(await publishedSchema(version), withoutTexts);
  const file = join(root, 'src', 'sandbox', 'shopify', 'schema', `admin-${version}.json.gz`);
  writeFileSync(file, gzipSync(text, { level: 9 }));
}
