/** Records of a local file, read as the connector `feed` reads deliveries; without store and network. */
import { copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { findConnectors } from '../app.ts';
import type { Config } from '../config/types.ts';
import type { Clock, ConnectionContext, JsonObject } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { systemClock } from '../extract/clock.ts';
import type { Mapping } from '../mapping/types.ts';
import { silentLog } from '../observe/log.ts';
import { type Samples, sampleStream } from '../run/sample-stream.ts';

const STREAM = 'sample';
/** Settings of a stream that say how a file is read, not which or when. */
const READING = [
  'format',
  'delimiter',
  'quote',
  'encoding',
  'header',
  'skipLines',
  'footer',
  'finalNewline',
  'sheet',
  'record',
  'path',
  'segments',
];

export type FileSample = {
  readonly file: string;
  readonly cwd: string;
  readonly mappings: readonly Mapping[];
  readonly limit: number;
  /** How the file is written: `delimiter: ';'` and the like. */
  readonly settings: JsonObject;
  readonly signal: AbortSignal;
};

/** @throws ERR_CLI_USAGE when there is no such file, ERR_CONFIG_INVALID when the settings do not fit */
export async function sampleFile({ file, cwd, mappings, limit, settings, signal }: FileSample): Promise<Samples> {
  const path = resolve(cwd, file);
  const found = await stat(path).catch(() => null);
  if (!found?.isFile())
    throw new TributaryError('ERR_CLI_USAGE', `There is no file ${file}.`, { remedy: 'Name a file you can read.' });
  const { connectors } = await findConnectors();
  const connector = connectors.get('feed');
  if (!connector)
    throw new TributaryError('ERR_CONNECTOR_UNKNOWN', 'The connector feed, which reads files, is not there.');
  const scratch = await mkdtemp(join(tmpdir(), 'tributary-sample-'));
  try {
    // A name with characters of patterns is read under another one.
    const isPlain = /^[\p{L}\p{N} ._@+-]+$/u.test(basename(path));
    const folder = isPlain ? dirname(path) : scratch;
    const name = isPlain ? basename(path) : 'sample';
    if (!isPlain) await copyFile(path, join(scratch, name));
    const parsed = connector.config.safeParse({
      path: folder,
      streams: { [STREAM]: { settleMs: 0, ignoreSuffixes: [], ...settings, files: name, kind: 'snapshot' } },
    });
    if (!parsed.success) {
      const lines = parsed.error.issues.map(
        (issue) => `${issue.path.slice(2).map(String).join('.')}: ${issue.message}`,
      );
      throw new TributaryError('ERR_CLI_USAGE', `The file cannot be read with these settings:\n${lines.join('\n')}`, {
        remedy: 'Correct --set; docs/connectors.md lists the settings of the connector feed.',
      });
    }
    const source = await connector.open(parsed.data, fileContext(folder, join(scratch, 'work'), systemClock, signal));
    try {
      const stream = source.streams().find((one) => one.name === STREAM);
      if (!stream) throw new TributaryError('ERR_INTERNAL', 'the connector feed has no stream for the file');
      return await sampleStream({ source, stream, connector, mappings, limit, scratchDir: scratch });
    } finally {
      await source.close();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

const fileContext = (folder: string, scratchDir: string, clock: Clock, signal: AbortSignal): ConnectionContext => ({
  ...{
    tenant: 'sample',
    connection: 'sample',
    clock,
    log: silentLog,
    signal,
    scratchDir,
    baseDir: folder,
    allowedRoots: [folder],
  },
  permit: async () => undefined,
  observeLimits: () => undefined,
  token: () => Promise.reject(new TributaryError('ERR_CONNECTOR_UNSUPPORTED', 'A file has no tokens.')),
});

/** How the configuration has files of this mapping read; nothing where it does not name the mapping. */
export function settingsFor(config: Config | null, mapping: string): JsonObject {
  for (const connection of config?.connections ?? []) {
    if (connection.connector !== 'feed') continue;
    const stream = connection.streams.find((one) => one.mappings.includes(mapping));
    if (stream) return Object.fromEntries(Object.entries(stream.settings).filter(([name]) => READING.includes(name)));
  }
  return {};
}

/** `delimiter=;` pairs; a value that is JSON is taken as JSON. @throws ERR_CLI_USAGE */
export function parseSettings(pairs: readonly string[]): JsonObject {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw new TributaryError('ERR_CLI_USAGE', `"${pair}" is not of the form name=value.`);
      const text = pair.slice(at + 1);
      try {
        return [pair.slice(0, at), JSON.parse(text)];
      } catch {
        return [pair.slice(0, at), text];
      }
    }),
  );
}
