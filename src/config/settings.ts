import type { z } from 'zod';
import type { JsonObject } from '../connector/contract.ts';
import type { FileProblem } from '../mapping/types.ts';
import { pointerTo } from './document.ts';
import { coerced, droppedNames, type Origin, outlineOf, problemsOf, unknownName } from './issues.ts';
import { CONNECTION_KEYS, STREAM_KEYS } from './schema.ts';
import type { Config, ConnectionConfig } from './types.ts';

/** The connector's settings as its schema gives them back, or what is wrong with them. */
export type CheckedSettings<T> = { readonly settings: T | null; readonly problems: readonly FileProblem[] };

/**
 * Checks what a connection says against its connector's schema. A schema with `streams` gets the settings of the
 * connection's streams there, by name.
 * @param where the configuration the connection is of, for places
 */
export function checkSettings<T>(
  connector: { readonly name: string; readonly config: z.ZodType<T> },
  connection: ConnectionConfig,
  where: Pick<Config, 'file' | 'positions'>,
): CheckedSettings<T> {
  const outline = outlineOf(connector.config);
  const takesStreams = outline.properties?.['streams'] !== undefined;
  const base = pointerTo('/connections', connection.name);
  const origin: Origin = {
    file: where.file ?? 'sandbox',
    base,
    positions: where.positions,
    outline,
    alsoKnown: CONNECTION_KEYS,
  };
  const written: JsonObject = {
    ...connection.settings,
    ...(takesStreams ? { streams: streamSettings(connection) } : {}),
  };
  const input = coerced(written, origin);
  const dropped = [...droppedNames(input, origin), ...(takesStreams ? [] : strayStreamSettings(connection, origin))];
  const parsed = connector.config.safeParse(input);
  const problems = [...dropped, ...(parsed.success ? [] : problemsOf(parsed.error.issues, input, origin))];
  return { settings: parsed.success && problems.length === 0 ? parsed.data : null, problems };
}

const streamSettings = (connection: ConnectionConfig): JsonObject =>
  Object.fromEntries(connection.streams.map((stream) => [stream.name, { ...stream.settings }]));

/** Settings of streams that nobody will read. */
function strayStreamSettings(connection: ConnectionConfig, origin: Origin): FileProblem[] {
  const outline = { properties: Object.fromEntries(STREAM_KEYS.map((key) => [key, {}])) };
  return connection.streams.flatMap((stream) => {
    const base = pointerTo(pointerTo(origin.base, 'streams'), stream.name);
    return Object.keys(stream.settings).map((key) =>
      unknownName([key], { file: origin.file, positions: origin.positions, base, outline }),
    );
  });
}
