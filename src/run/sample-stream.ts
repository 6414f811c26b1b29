/** A few records of a source and what mappings make of them. Nothing is kept. */
import type { Connector, Json, JsonObject, ReadRequest, Source, StreamDeclaration } from '../connector/contract.ts';
import { readPages } from '../extract/pages.ts';
import type { LogicalRecord } from '../extract/types.ts';
import { type RawText, rawText } from '../load/show-record.ts';
import type { Mapping, MapResult } from '../mapping/types.ts';
import { decodeOf } from './streams.ts';

export type Sample = {
  readonly position: number;
  /** As the connector names it; `null`: the mapping's key decides. */
  readonly id: string | null;
  readonly raw: RawText;
  /** As mappings get it; `null` when it cannot be decoded. */
  readonly decoded: Json;
  /** Page context, `@name` in mappings. */
  readonly context: JsonObject;
  readonly results: readonly { readonly mapping: string; readonly result: MapResult }[];
  /** Why it could not be decoded. */
  readonly problem: string | null;
};
export type Samples = {
  readonly records: readonly Sample[];
  readonly problems: readonly { readonly message: string; readonly position: number | null }[];
};

export type SampleRequest = {
  readonly source: Source;
  readonly stream: StreamDeclaration;
  readonly connector: Connector;
  readonly mappings: readonly Mapping[];
  readonly limit: number;
  readonly scratchDir: string;
};

/** Reads from the beginning until there are enough. */
export async function sampleStream({
  source,
  stream,
  connector,
  mappings,
  limit,
  scratchDir,
}: SampleRequest): Promise<Samples> {
  const request: ReadRequest = {
    stream: stream.name,
    cursor: null,
    // What is read whole may begin with a job that takes hours; a sweep begins with records.
    mode: stream.blindFields.length > 0 ? 'sweep' : 'incremental',
    pageSize: limit,
    groupBy: mappings[0]?.groupBy ?? null,
    trafficClass: 'poll',
  };
  const records: Sample[] = [];
  const problems: Samples['problems'][number][] = [];
  for await (const page of readPages({ source, stream, request, decode: connector.decode, scratchDir })) {
    problems.push(...page.problems.map(({ message, position }) => ({ message, position })));
    for (const record of page.records.slice(0, limit - records.length))
      records.push(sampleOf(record, page.context, connector, mappings));
    if (records.length >= limit || problems.length >= limit) break;
  }
  return { records, problems };
}

function sampleOf(
  { parts, id, position }: LogicalRecord,
  context: JsonObject,
  connector: Connector,
  mappings: readonly Mapping[],
): Sample {
  const decode = decodeOf(connector);
  try {
    const decoded = decode(parts, context);
    const results = mappings.map((mapping) => ({
      mapping: mapping.name,
      result: mapping.map(decoded, { page: context, position }),
    }));
    return { position, id, raw: rawText(parts, context, () => null).raw, decoded, context, results, problem: null };
  } catch (thrown) {
    const problem = thrown instanceof Error ? thrown.message : String(thrown);
    return { position, id, raw: rawText(parts, context, () => null).raw, decoded: null, context, results: [], problem };
  }
}
