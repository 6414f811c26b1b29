/** What the vendor holds right now: read before anything there is overwritten. */
import type { JsonObject, Source } from '../connector/contract.ts';
import { changeTime } from '../load/change-time.ts';
import { decodeJson } from '../load/mapping-sets.ts';
import type { PushStream } from './deps.ts';

/** `at`: epoch milliseconds of its last change, as far as the vendor tells. `null` values: the record is gone. */
export type Held = { readonly values: JsonObject | null; readonly at: number; readonly version: number | null };

/** @returns by target id; one that was not found at all is not in it */
export async function readAgain(
  source: Source,
  stream: PushStream,
  targets: readonly { readonly id: string; readonly recordId: string }[],
): Promise<ReadonlyMap<string, Held>> {
  const to = stream.writes?.to ?? '';
  const held = new Map<string, Held>();
  const ids = [...new Set(targets.map((target) => target.recordId))];
  for (let at = 0; at < ids.length; at += PORTION) {
    const page = await source.readIds(to, ids.slice(at, at + PORTION));
    const observed = page.observedAt.getTime();
    for (const { id } of page.tombstones) {
      for (const target of targets)
        if (target.recordId === id) held.set(target.id, { values: null, at: observed, version: null });
    }
    const parts = new Map<string, { raws: Uint8Array[]; version: number | null }>();
    for (const record of page.records) {
      const root = record.parent ?? record.id ?? '';
      const known = parts.get(root) ?? { raws: [], version: null };
      parts.set(root, { raws: [...known.raws, record.raw], version: known.version ?? record.version });
    }
    for (const { raws, version } of parts.values()) {
      const record = (stream.connector.decode ?? decodeJson)(raws, page.context);
      for (const { id, values } of stream.connector.writable?.(to, record) ?? [])
        held.set(id, { values, version, at: changeTime(version, page.observedAt) });
    }
  }
  return held;
}

/** Records asked for at once. */
const PORTION = 100;
