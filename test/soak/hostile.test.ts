/** A small part of `npm run -s soak -- hostile`, with fixed seeds; and the proof that it can fail. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HOSTILE_SAFETIES } from './hostile-safeties.ts';
import { TARGETS } from './hostile-targets.ts';

const LIMIT_MS = 120_000;

type Ended = { readonly code: number; readonly out: string };

/** In a process of its own: taking a safety away changes what connectors declare. */
function soak(...args: string[]): Promise<Ended> {
  const argv = [join(import.meta.dirname, 'main.ts'), 'hostile', ...args];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, (error, out) => resolve({ code: Number(error?.code ?? 0), out: out.trim() }));
  });
}

describe.concurrent('a hostile source', () => {
  it(
    'loses nothing, whatever the system',
    async () => {
      const seeds = Object.keys(TARGETS).length * 2;
      const { code, out } = await soak('--seeds', String(seeds), '--from', '1');
      expect([code, out]).toEqual([0, `${seeds} seeds, 0 lost, 0 false deletes, 0 duplicates`]);
    },
    LIMIT_MS,
  );

  it.each(HOSTILE_SAFETIES)(
    'is noticed where %s is taken away',
    async (safety) => {
      const { code, out } = await soak('--seeds', '3', '--from', '1', '--only', 'acme', '--without', safety);
      expect(out).toMatch(/^3 seeds, /);
      expect(out).not.toBe('3 seeds, 0 lost, 0 false deletes, 0 duplicates');
      expect(code).toBe(1);
    },
    LIMIT_MS,
  );
});
