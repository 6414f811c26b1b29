/** `.tributary/sandbox.json`: how to reach the program of a folder. Mode 0600. */
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stateDir } from './app.ts';
import type { SandboxAddresses } from './config/sandbox.ts';
import type { Config } from './config/types.ts';

export type SandboxFile = {
  readonly url: string;
  readonly apiKey: string;
  readonly feeds: string | null;
  /** The vendor systems that run in this program; absent where it has a configuration of its own. */
  readonly systems?: SandboxAddresses;
};

export const sandboxFile = (config: Pick<Config, 'dir'>): string => join(stateDir(config), 'sandbox.json');

export async function writeSandbox(config: Pick<Config, 'dir'>, sandbox: SandboxFile): Promise<void> {
  const file = sandboxFile(config);
  await writeFile(`${file}.new`, `${JSON.stringify(sandbox, null, 2)}\n`, { mode: 0o600 });
  await chmod(`${file}.new`, 0o600);
  await rename(`${file}.new`, file);
}

/** What an earlier start of this folder wrote; `null` when there was none. */
export async function readSandbox(config: Pick<Config, 'dir'>): Promise<SandboxFile | null> {
  try {
    const parsed: unknown = JSON.parse(await readFile(sandboxFile(config), 'utf8'));
    const isOurs =
      typeof parsed === 'object' &&
      parsed !== null &&
      'url' in parsed &&
      typeof parsed.url === 'string' &&
      'apiKey' in parsed &&
      typeof parsed.apiKey === 'string';
    return isOurs
      ? {
          url: String(parsed.url),
          apiKey: String(parsed.apiKey),
          feeds: 'feeds' in parsed && typeof parsed.feeds === 'string' ? parsed.feeds : null,
        }
      : null;
  } catch {
    return null; // Not there, or half-written by something else: it is written anew.
  }
}
