/** Finds the connectors: each folder here with an `index.ts` that exports one by default. Nothing is registered by hand. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Connector } from '../src/connector/index.ts';

/** A folder that is no working connector, and why. The others work without it. */
export type ConnectorProblem = { readonly folder: string; readonly message: string; readonly cause?: unknown };

export type FoundConnectors = {
  /** By name, in alphabetical order. */
  readonly connectors: Map<string, Connector>;
  readonly problems: readonly ConnectorProblem[];
};

/**
 * Reads the folder and loads what it finds.
 * @param dir absolute path. @defaultValue the folder of this file
 */
export async function findConnectors(dir: string = import.meta.dirname): Promise<FoundConnectors> {
  const entries = await readdir(dir, { withFileTypes: true });
  const folders = entries
    .filter((entry) => entry.isDirectory() && !/^[._]/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
  const loaded = await Promise.all(folders.map((folder) => load(dir, folder)));
  return {
    connectors: new Map(
      loaded.flatMap((found) => ('connector' in found ? [[found.connector.name, found.connector] as const] : [])),
    ),
    problems: loaded.flatMap((found) => ('problem' in found ? [found.problem] : [])),
  };
}

type Loaded = { readonly connector: Connector } | { readonly problem: ConnectorProblem };

async function load(dir: string, folder: string): Promise<Loaded> {
  let exported: unknown;
  try {
    const module: { readonly default?: unknown } = await import(pathToFileURL(join(dir, folder, 'index.ts')).href);
    exported = module.default;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    return { problem: { folder, message: `connectors/${folder}/index.ts does not load: ${reason}`, cause } };
  }
  const faults = isConnector(exported) ? nameFaults(exported, folder) : shapeFaults(exported);
  if (!isConnector(exported) || faults.length > 0) {
    return { problem: { folder, message: `connectors/${folder}/index.ts: ${faults.join('; ')}` } };
  }
  return { connector: exported };
}

function isConnector(value: unknown): value is Connector {
  return shapeFaults(value).length === 0;
}

function nameFaults(connector: Connector, folder: string): readonly string[] {
  return connector.name === folder ? [] : [`it calls itself "${connector.name}"; the name must be that of its folder`];
}

function shapeFaults(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return ['the default export must be made with defineConnector()'];
  const members: Readonly<Record<string, unknown>> = { ...value };
  const texts = ['name', 'title', 'docs'].filter((name) => typeof members[name] !== 'string' || members[name] === '');
  return [
    ...texts.map((name) => `"${name}" must be a text`),
    ...(isDirections(members.directions) ? [] : ['"directions" must list "in", "out" or both']),
    ...(hasMethod(members.config, 'safeParse') ? [] : ['"config" must be a zod schema']),
    ...(hasMethod(value, 'open') ? [] : ['"open" must be a function']),
  ];
}

function isDirections(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length > 0 && value.every((direction) => direction === 'in' || direction === 'out')
  );
}

function hasMethod(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'function';
}
