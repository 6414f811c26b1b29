/** Checks of a connection as such: what `check()` says, and that nothing secret is told. */
import { expect } from 'vitest';
import type { CheckFinding } from '../../src/connector/contract.ts';
import { asTributaryError } from '../../src/errors.ts';
import { type Account, declarationOf, requestOf, withWrongSecrets } from './account.ts';
import type { Check } from './check.ts';

export function accountChecks(open: () => Promise<Account>): Check[] {
  return [
    {
      title: 'says in words that good credentials are good, and spends permits on it',
      async run() {
        await using account = await open();
        const findings = await checked(account);
        expect(findings.filter(({ ok }) => !ok)).toEqual([]);
        expect(findings.length).toBeGreaterThan(0);
        expect(account.spent.permits).toBeGreaterThan(0);
      },
    },
    {
      title: 'says in words that bad credentials are bad, and what to do',
      async run() {
        await using account = await open();
        const bad = (await checked(account, withWrongSecrets(account))).filter(({ ok }) => !ok);
        expect(bad.map(({ subject }) => subject)).toContain('credentials');
        for (const { message, remedy } of bad) {
          expect(message).toMatch(/\w+ \w+/);
          expect(remedy).toMatch(/\w+ \w+/);
        }
        expectNoSecret(account, bad);
      },
    },
    {
      title: 'says that nobody answers, and gives no page then',
      async run() {
        const account = await open();
        const source = await account.open();
        const [stream = ''] = account.system.streams;
        await account[Symbol.asyncDispose]();
        const findings = await source.check();
        expect(findings.filter(({ ok }) => !ok).map(({ subject }) => subject)).toContain('reach');
        const error = await source
          .read(requestOf(stream))
          [Symbol.asyncIterator]()
          .next()
          .then(() => null, asTributaryError);
        expect(error).toMatchObject({ code: 'ERR_CONNECTOR_UNREACHABLE', retry: 'transient' });
        expectNoSecret(account, [findings, error]);
        await source.close();
      },
    },
    {
      title: 'declares every stream it is asked for',
      async run() {
        await using account = await open();
        const source = await account.open();
        for (const stream of account.system.streams) expect(declarationOf(source, stream).about).not.toBe('');
        await source.close();
      },
    },
  ];
}

async function checked(account: Account, settings = account.settings): Promise<readonly CheckFinding[]> {
  const source = await account.open({ settings });
  try {
    return await source.check();
  } finally {
    await source.close();
  }
}

/** Neither in what is told nor in what an error carries along. */
export function expectNoSecret(account: Account, told: unknown): void {
  const seen = new Set<unknown>();
  const texts = (value: unknown): string[] => {
    if (typeof value === 'string') return [value];
    if (typeof value !== 'object' || value === null || seen.has(value)) return [];
    seen.add(value);
    const inner = value instanceof Error ? [value.message, value.cause] : [];
    return [...inner, ...Object.values(value)].flatMap(texts);
  };
  const all = texts(told).join('\n');
  for (const secret of account.secrets()) expect(all.includes(secret), 'a secret is told').toBe(false);
}
