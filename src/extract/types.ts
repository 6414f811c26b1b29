/** Pages between the connector and the mapping. */
import type { Json, JsonObject, Page, ReadRequest, Source, StreamDeclaration } from '../connector/contract.ts';

/** What one mapping call receives: a record with its children or the rows grouped with it. */
export type LogicalRecord = {
  /** Raw bytes of its parts, in order; mostly one. */
  readonly parts: readonly Uint8Array[];
  /** External id; `null`: the mapping's key decides (files). */
  readonly id: string | null;
  readonly version: number | null;
  /** Line or place of the first part, from 1. */
  readonly position: number;
};

/** A page between the connector and the framing: its parts joined, not hashed yet. */
export type FramedPage = Omit<Page, 'records'> & {
  readonly records: readonly LogicalRecord[];
  /** Source records (rows) the logical ones were made of. */
  readonly rows: number;
};

export type ExtractedPage = FramedPage & {
  /** 16 bytes per record, in the order of `records`. */
  readonly hashes: Uint8Array;
};

export type ReadPagesOptions = {
  readonly source: Source;
  readonly stream: StreamDeclaration;
  readonly request: ReadRequest;
  /** The connector's `decode`; absent: raw bytes are JSON. */
  readonly decode?: ((parts: readonly Uint8Array[], context: JsonObject) => Json) | undefined;
  /** The raw bytes are JSON although the connector decodes them: they are compared as JSON. */
  readonly isRawJson?: boolean | undefined;
  /** For spill files while records are joined. */
  readonly scratchDir: string;
};
