/** How records of any stream that ever was are read: what a connection said counts on after it left the configuration. */
import type { Connector } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { type Decode, decodeJson } from '../load/mapping-sets.ts';
import { type Store, sql } from '../store/store.ts';
import { decodeOf, PLATFORM, type Streams } from './streams.ts';

export type StreamReader = { readonly decode: Decode; readonly complete: boolean };

/** @throws (from the function) ERR_CONNECTOR_UNKNOWN when a removed connection's connector is gone as well */
export async function streamReaders(
  store: Store,
  streams: Streams,
  connectors: ReadonlyMap<string, Connector>,
): Promise<(id: number) => StreamReader> {
  const rows = await store.rows<{ id: number; name: string; connection: string; connector: string }>(
    sql`select s.id, s.name, c.name as connection, c.connector from stream s join connection c on c.id = s.connection_id`,
  );
  const kept = new Map(rows.map((row) => [row.id, row]));
  return (id) => {
    const stream = streams.byId(id);
    if (stream) return { decode: decodeOf(stream.connector), complete: stream.mode === 'complete' };
    const row = kept.get(id);
    if (row?.connection === PLATFORM) return { decode: decodeJson, complete: false };
    const connector = row && connectors.get(row.connector);
    if (connector)
      return {
        decode: decodeOf(connector),
        complete: connector.streams?.find((one) => one.name === row.name)?.mode !== 'patch',
      };
    throw new TributaryError(
      'ERR_CONNECTOR_UNKNOWN',
      `Records of stream ${row ? `${row.connection}/${row.name}` : id} are in the store, and there is no connector ${row?.connector ?? ''} to read them with.`,
      {
        remedy: 'Bring the folder of the connector back under connectors/.',
      },
    );
  };
}
