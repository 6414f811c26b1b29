/** Checks of what a connector makes of a vendor that fails: an error of the right kind, never a page that is short. */
import { expect } from 'vitest';
import type { StreamDeclaration } from '../../src/connector/contract.ts';
import { asTributaryError, type TributaryError } from '../../src/errors.ts';
import type { RequestFault } from '../../src/sandbox/faults.ts';
import { type Account, readPass } from './account.ts';
import type { Check } from './check.ts';
import { expectNoSecret } from './checks-account.ts';
import { expectTruth } from './checks-reading.ts';

type Expected = {
  readonly fault: RequestFault;
  readonly as: string;
  readonly codes: readonly TributaryError['code'][];
};

const EXPECTED: readonly Expected[] = [
  {
    fault: { kind: 'limited', retryAfterMs: 5000 },
    as: 'as a limit with its end',
    codes: ['ERR_CONNECTOR_LIMITED'],
  },
  { fault: { kind: 'unavailable', status: 500 }, as: 'as passing', codes: ['ERR_CONNECTOR_UNREACHABLE'] },
  {
    fault: { kind: 'unavailable', status: 503 },
    as: 'as passing',
    codes: ['ERR_CONNECTOR_UNREACHABLE', 'ERR_CONNECTOR_LIMITED'],
  },
  { fault: { kind: 'cut' }, as: 'as passing', codes: ['ERR_CONNECTOR_UNREACHABLE'] },
  {
    fault: { kind: 'html', status: 200 },
    as: 'as no answer',
    codes: ['ERR_CONNECTOR_PROTOCOL', 'ERR_CONNECTOR_UNREACHABLE'],
  },
  {
    fault: { kind: 'html', status: 503 },
    as: 'as passing',
    codes: ['ERR_CONNECTOR_UNREACHABLE', 'ERR_CONNECTOR_LIMITED'],
  },
];
/** A token is asked for anew once; a vendor that goes on refusing has the last word. */
const REFUSALS = 8;

export function faultChecks(open: () => Promise<Account>, { name }: StreamDeclaration): Check[] {
  const words = ({ fault }: Expected) => ('status' in fault ? `${fault.kind} ${fault.status}` : fault.kind);
  return [
    ...EXPECTED.map((expected) => ({
      title: `${name}: takes "${words(expected)}" ${expected.as}, and reads all of it later`,
      async run() {
        await using account = await open();
        await warm(account, name);
        account.faults.push(expected.fault);
        const error = await failure(account, name);
        expect(expected.codes).toContain(error?.code);
        if (error?.code === 'ERR_CONNECTOR_LIMITED' && expected.fault.kind === 'limited')
          expect(error.notBefore?.getTime()).toBeGreaterThan(account.clock.now().getTime());
        expectNoSecret(account, error);
        account.faults.length = 0;
        await account.clock.advance(60_000);
        expectTruth(account, name, (await readPass(account, name)).known);
      },
    })),
    {
      title: `${name}: bears a slow answer`,
      async run() {
        await using account = await open();
        account.faults.push({ kind: 'slow', ms: 1500 });
        expectTruth(account, name, (await readPass(account, name)).known);
      },
    },
    {
      title: `${name}: asks for another token once, and then names the credentials`,
      async run() {
        await using account = await open();
        await warm(account, name);
        const issued = account.spent.tokens;
        account.faults.push(...Array.from({ length: REFUSALS }, (): RequestFault => ({ kind: 'expired' })));
        const error = await failure(account, name);
        expect(error?.code).toBe('ERR_CONNECTOR_CREDENTIALS');
        expect(account.spent.tokens - issued).toBeLessThanOrEqual(2);
        expectNoSecret(account, error);
        account.faults.length = 0;
        expectTruth(account, name, (await readPass(account, name)).known);
      },
    },
  ];
}

/** So that a token is there and the fault hits the reading. */
async function warm(account: Account, stream: string): Promise<void> {
  await readPass(account, stream, { most: 1 });
}

async function failure(account: Account, stream: string): Promise<TributaryError | null> {
  return readPass(account, stream).then(() => null, asTributaryError);
}
