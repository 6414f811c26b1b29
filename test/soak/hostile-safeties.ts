/** Safeties of reading that can be taken away, to see that the hostile soak would notice. */
import type { Connector, Source } from '../../src/connector/contract.ts';
import { type Alteration, without } from './alterations.ts';
import { ALL_CONNECTORS } from './hostile-targets.ts';

export const HOSTILE_SAFETIES = ['overlap', 'dedup', 'fence', 'tombstones'] as const;
export type HostileSafety = (typeof HOSTILE_SAFETIES)[number];

/** What is said to the database instead; `null`: the safety is none of the store's. */
export const alterationFor = (safety: HostileSafety | null): Alteration | null =>
  safety === 'dedup' || safety === 'fence' ? without(safety) : null;

/** Connectors without what a safety stands for. */
export function connectorsWithout(safety: HostileSafety | null): ReadonlyMap<string, Connector> {
  const connectors = ALL_CONNECTORS;
  if (safety === 'overlap')
    for (const stream of [...connectors.values()].flatMap(({ streams = [] }) => streams))
      Object.assign(stream, { overlapMs: 0, visibilityLagMs: 0 });
  if (safety !== 'tombstones') return connectors;
  const quiet = (source: Source): Source => ({
    ...source,
    async *read(request) {
      for await (const page of source.read(request)) yield { ...page, tombstones: [] };
    },
  });
  return new Map(
    [...connectors].map(([name, connector]): [string, Connector] => [
      name,
      { ...connector, open: async (config, context) => quiet(await connector.open(config, context)) },
    ]),
  );
}
