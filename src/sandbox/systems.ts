/** The vendor systems of the sandbox: opened together, kept in files between starts, acted upon by name. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock, Json, JsonObject, Log } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { openHubSpot } from './hubspot/index.ts';
import { openSalesforce } from './salesforce/index.ts';
import { openSftp } from './sftp/index.ts';
import { openShopify } from './shopify/index.ts';
import type { RunningSystem, SandboxAction, SystemOptions } from './system.ts';
import { openWooCommerce } from './woocommerce/index.ts';
import { makeWorld } from './world.ts';

type Options = SystemOptions & { readonly feeds: string };

const OPENERS: Readonly<Record<string, (options: Options) => Promise<RunningSystem>>> = {
  shopify: openShopify,
  woocommerce: openWooCommerce,
  salesforce: openSalesforce,
  hubspot: openHubSpot,
  feeds: ({ feeds, ...options }) => openSftp({ folder: feeds, ...options }),
};

/** How often what changed is written to files, beside at the end and after each action. */
const SAVE_EVERY_MS = 5_000;

export type SandboxSystems = {
  /** Address and connection settings by name. */
  readonly systems: Readonly<Record<string, { readonly url: string; readonly settings: JsonObject }>>;
  /** @throws ERR_NOT_FOUND naming what there is */
  act(system: string, action: SandboxAction): Promise<void>;
  close(): Promise<void>;
};

export type SandboxOptions = {
  /** Where their state is kept. */
  readonly folder: string;
  /** Folder that the suppliers' server has. */
  readonly feeds: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How much faster than the vendors. */
  readonly speed: number;
};

type Saved = { readonly port: number; readonly state: Json };
type Opened = { readonly system: RunningSystem; readonly port: number; lastSaved: string };

export async function openSystems({ folder, feeds, clock, log, speed }: SandboxOptions): Promise<SandboxSystems> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const opened = new Map<string, Opened>();
  const save = async (): Promise<void> => {
    for (const [name, one] of opened) {
      const state = JSON.stringify(one.system.save());
      if (state === one.lastSaved) continue;
      await writeWhole(join(folder, `${name}.json`), `{"port":${one.port},"state":${state}}\n`);
      one.lastSaved = state;
    }
  };
  const closeAll = () => Promise.all([...opened.values()].map(({ system }) => system.close()));
  try {
    for (const name of Object.keys(OPENERS)) opened.set(name, await openOne(folder, name, { feeds, clock, speed }));
    await save();
  } catch (thrown) {
    await closeAll();
    throw thrown;
  }
  const life = new AbortController();
  const saving = saveAgain(save, clock, log, life.signal);
  return {
    systems: Object.fromEntries(
      [...opened].map(([name, { system }]) => [name, { url: system.url, settings: system.settings }]),
    ),
    async act(name, action) {
      const one = opened.get(name);
      if (!one)
        throw new TributaryError('ERR_NOT_FOUND', `The sandbox has no system ${name}.`, {
          remedy: `Use one of ${[...opened.keys()].join(', ')}.`,
        });
      await one.system.act(action).catch((thrown: unknown) => {
        if (!(thrown instanceof RangeError)) throw thrown;
        throw cannot(name, thrown);
      });
      await save();
    },
    async close() {
      life.abort();
      await saving;
      await closeAll();
      await save();
    },
  };
}

/** What a system says, as `what is not; what there is instead`. */
function cannot(system: string, cause: RangeError): TributaryError {
  const [what, ...instead] = cause.message.split('; ');
  const words = instead.join('; ');
  return new TributaryError('ERR_NOT_FOUND', `${system}: ${what}.`, {
    remedy: words === '' ? 'Name another one.' : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`,
    cause,
  });
}

/** As it was when it was last saved, on the same port where that is free; else as it is seeded. */
async function openOne(
  folder: string,
  name: string,
  around: { feeds: string; clock: Clock; speed: number },
): Promise<Opened> {
  const open = OPENERS[name];
  if (!open) throw new RangeError(`there is no system ${name}`);
  const saved = await readSaved(join(folder, `${name}.json`));
  const options = { world: makeWorld(), ...around, ...(saved ? { saved: saved.state } : {}) };
  const system = await open(saved ? { ...options, port: saved.port } : options).catch((thrown: unknown) => {
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE')) throw thrown;
    return open(options);
  });
  return { system, port: Number(new URL(system.url).port), lastSaved: '' };
}

async function saveAgain(save: () => Promise<void>, clock: Clock, log: Log, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(SAVE_EVERY_MS, signal).catch(() => undefined);
    if (!signal.aborted)
      await save().catch((thrown: unknown) => log.warn({ err: thrown }, 'the sandbox could not be saved'));
  }
}

/** `null`: it was never saved, or not to its end. */
async function readSaved(file: string): Promise<Saved | null> {
  try {
    const saved: Saved = JSON.parse(await readFile(file, 'utf8'));
    return saved;
  } catch {
    return null; // Seeded anew.
  }
}

async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
