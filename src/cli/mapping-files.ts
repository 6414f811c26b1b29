/** Mapping files as people name them: by path, or by name in the operator's folder and the shipped ones. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findConnectors, SHIPPED_MAPPINGS } from '../app.ts';
import type { Config } from '../config/types.ts';
import type { WriteDeclaration } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { mappingFiles, mappingName } from '../mapping/load.ts';
import { checkOutgoing } from '../mapping/outgoing-check.ts';
import type { SourceSchema } from '../mapping/types.ts';
import type { CommandContext } from './context.ts';

/** The configuration where it is sound: mappings can be worked on without it. */
export function configIfSound(context: CommandContext): Config | null {
  try {
    return context.config();
  } catch {
    return null; // doctor and start tell what is wrong with it.
  }
}

export function mappingFolders(context: CommandContext): readonly string[] {
  return [...new Set([configIfSound(context)?.mappingsDir ?? join(context.dir, 'mappings'), SHIPPED_MAPPINGS])];
}

/** Files that were named; none named: all of the operator's folder, or the shipped ones where there is none. @throws ERR_MAPPING_UNKNOWN */
export function chosenFiles(context: CommandContext, names: readonly string[]): readonly string[] {
  const folders = mappingFolders(context);
  if (names.length > 0) return names.map((name) => fileOf(context.cwd, folders, name));
  const own = folders.find((folder) => existsSync(folder) && mappingFiles(folder).length > 0);
  return own ? mappingFiles(own) : [];
}

function fileOf(cwd: string, folders: readonly string[], name: string): string {
  const places = [resolve(cwd, name), ...folders.map((folder) => join(folder, `${name}.yaml`))];
  const found = places.find((place) => existsSync(place) && statSync(place).isFile());
  if (found) return found;
  const known = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => mappingFiles(folder).map(mappingName));
  throw new TributaryError('ERR_MAPPING_UNKNOWN', `There is no mapping ${name}.`, {
    remedy: `Name a file, or one of ${[...new Set(known)].join(', ')}.`,
  });
}

/** What the connectors of the configuration declare of the records a mapping will meet; `null` where they declare nothing. */
export async function declaredSchema(config: Config | null, mapping: string): Promise<SourceSchema | null> {
  for (const connection of config?.connections ?? []) {
    const stream = connection.streams.find((one) => one.mappings.includes(mapping));
    if (!stream) continue;
    const { connectors } = await findConnectors();
    const fields = connectors.get(connection.connector)?.streams?.find((one) => one.name === stream.name)?.fields;
    if (fields) return { origin: 'declared', fields };
  }
  return null;
}

/**
 * What the stream written to by an outgoing mapping declares: of the connection that uses the mapping, else of the connector
 * its name ends with (`lead-to-salesforce`); `null` where neither is known.
 */
export async function declaredTarget(name: string, text: string): Promise<WriteDeclaration | null> {
  const { parsed } = checkOutgoing(text, name, null);
  const { connectors } = await findConnectors();
  const connector = connectors.get(name.split('-to-').at(-1) ?? '');
  return connector?.streams?.find((stream) => stream.name === parsed?.to.name)?.writes ?? null;
}
