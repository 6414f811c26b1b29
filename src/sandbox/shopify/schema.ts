/** Shopify's own schema, loaded once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { buildClientSchema, type GraphQLSchema } from 'graphql';

/** Served by the vendor; an older version is answered by the oldest of them. */
export const SERVED_VERSIONS = ['2025-10', '2026-01', '2026-04', '2026-07', '2026-10', 'unstable'] as const;

let loaded: GraphQLSchema | null = null;

/** The Admin API 2026-10: 3,500 types, half a second. */
export function adminSchema(): GraphQLSchema {
  loaded ??= buildClientSchema(
    JSON.parse(gunzipSync(readFileSync(join(import.meta.dirname, 'schema', 'admin-2026-10.json.gz'))).toString('utf8')),
    { assumeValid: true },
  );
  return loaded;
}
