/** Records read again by their ids. */
import type { Page, StreamDeclaration } from '../../src/connector/index.ts';
import type { Org } from './client.ts';
import { externalId } from './ids.ts';
import { NOTHING, pageOf } from './pages.ts';
import { columnsOf, objectNameOf, type Place, query } from './queries.ts';
import { type Rows, rowsOf } from './records.ts';
import { isOneOf } from './soql.ts';

/** Ids in one query: its address must stay below 16,000 characters, fields included. */
export const MOST_IDS = 100;

/** These records, whatever changed; ids that are gone or merged as tombstones. */
export async function readByIds(org: Org, stream: StreamDeclaration, ids: readonly string[]): Promise<Page> {
  const place: Place = { org, stream, trafficClass: 'webhook' };
  const observedAt = org.context.clock.now();
  const wanted = [...new Set(ids.map((id) => externalId(stream.name, id)))];
  let made = NOTHING;
  for (let at = 0; at < wanted.length; at += MOST_IDS)
    made = joined(made, await lookUp(place, wanted.slice(at, at + MOST_IDS)));
  const window = { id: `${stream.name} by id ${observedAt.toISOString()}`, kind: 'delta', scope: stream.name } as const;
  return pageOf({ ...made, next: null, window, observedAt });
}

/** At most 100 ids; those that nobody knows any more are not among the rows. */
export async function rowsById(place: Place, ids: readonly string[]): Promise<Rows> {
  const { stream } = place;
  const soql = `SELECT ${columnsOf(stream).join(', ')} FROM ${objectNameOf(stream.name)} WHERE ${isOneOf('Id', ids)}`;
  const { rows } = await query(place, soql, true, ids.length);
  return rowsOf(stream.name, rows, 1);
}

async function lookUp(place: Place, ids: readonly string[]): Promise<Rows> {
  const found = await rowsById(place, ids);
  const known = new Set([...found.records, ...found.tombstones, ...found.problems].map(({ id }) => id));
  const gone = ids.filter((id) => !known.has(id)).map((id) => ({ id, version: null }));
  return { ...found, tombstones: [...found.tombstones, ...gone] };
}

function joined(one: Rows, two: Rows): Rows {
  return {
    records: [...one.records, ...two.records],
    tombstones: [...one.tombstones, ...two.tombstones],
    problems: [...one.problems, ...two.problems],
  };
}
