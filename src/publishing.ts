/** Puts the way back together: outgoing mappings, what is known of written records, and pushes. */
import { join } from 'node:path';
import type { Source } from './connector/contract.ts';
import { TributaryError } from './errors.ts';
import type { LoadDeps, WrittenRecords } from './load/deps.ts';
import { loadOutgoing } from './mapping/load.ts';
import type { Outgoing } from './mapping/outgoing-check.ts';
import type { PublishDeps, PushStream } from './publish/deps.ts';
import { writtenRecords } from './publish/echo.ts';
import { push } from './publish/push.ts';
import type { RunDeps, RunStream } from './run/deps.ts';
import { OUT, type Streams } from './run/streams.ts';

export type Publishing = {
  readonly written: WrittenRecords;
  /** What a stream is written; `null` where its mapping cannot be read. */
  entityOf(out: RunStream): Outgoing['entity'] | null;
  /** Streams that an entity is written to. */
  writing(entity: Outgoing['entity']): readonly RunStream[];
  push(load: LoadDeps, open: (connection: string, signal: AbortSignal) => Promise<Source>): RunDeps['push'];
};

/** @param folders of mapping files: the operator's first, then the shipped ones */
export function publishing(
  { store, clock, log }: Pick<PublishDeps, 'store' | 'clock' | 'log'>,
  streams: Streams,
  folders: readonly string[],
): Publishing {
  const good = new Map<number, Outgoing>();
  const current = (stream: PushStream): Outgoing => {
    try {
      const found = findOutgoing(stream, folders);
      good.set(stream.id, found);
      return found;
    } catch (thrown) {
      const last = good.get(stream.id);
      if (!last || !(thrown instanceof TributaryError) || thrown.code !== 'ERR_MAPPING_INVALID') throw thrown;
      log.warn(
        { connection: stream.connection, stream: stream.name },
        `${thrown.message}\nThe last good version goes on being used.`,
      );
      return last;
    }
  };
  /** A mapping that cannot be read says nothing of what it writes; the push tells what is wrong with it. */
  const entityOf = (out: RunStream): Outgoing['entity'] | null => {
    try {
      return (good.get(out.id) ?? current(pushStream(out))).entity;
    } catch {
      return null;
    }
  };
  const outs = streams.all.filter((stream) => stream.writes !== null);
  const twinOf = (out: RunStream): RunStream | undefined =>
    streams.all.find((one) => one.connectionId === out.connectionId && `${one.name}${OUT}` === out.name);
  const pushStream = (stream: RunStream): PushStream => ({ ...stream, twin: twinOf(stream)?.id ?? null });
  const twoWay = outs.flatMap((out) => {
    const twin = twinOf(out);
    if (!twin) return [];
    const outgoing = (): Outgoing => good.get(out.id) ?? current(pushStream(out));
    return [[twin.id, { name: twin.name, connector: twin.connector, out: out.id, outgoing }] as const];
  });
  return {
    written: writtenRecords(new Map(twoWay)),
    entityOf,
    writing: (entity) => outs.filter((out) => entityOf(out) === entity),
    push: (load, open) => (run, stream, until, signal) =>
      push(
        { store, clock, log, load, outgoing: current, open: (of, until) => open(of.connection, until) },
        { ...run },
        pushStream(stream),
        until,
        signal,
      ),
  };
}

/** @throws ERR_MAPPING_UNKNOWN, ERR_MAPPING_INVALID; also where its file writes to another stream than the configuration says */
function findOutgoing(stream: PushStream, folders: readonly string[]): Outgoing {
  const { mapping = '', to = '' } = stream.writes ?? {};
  const declared = stream.connector.streams?.find((one) => one.name === to)?.writes ?? null;
  for (const folder of folders) {
    try {
      const outgoing = loadOutgoing(join(folder, `${mapping}.yaml`), declared);
      if (outgoing.to === to) return outgoing;
      throw new TributaryError(
        'ERR_CONFIG_INVALID',
        `Connection ${stream.connection} writes ${to} by the mapping ${mapping}, which is one to ${outgoing.to}.`,
      );
    } catch (thrown) {
      if (!(thrown instanceof TributaryError) || thrown.code !== 'ERR_MAPPING_UNKNOWN') throw thrown;
    }
  }
  throw new TributaryError('ERR_MAPPING_UNKNOWN', `There is no mapping ${mapping} in ${folders.join(' or ')}.`);
}
