/** A stream read in the mode asked for. */
import type { Page, ReadRequest, StreamDeclaration } from '../../src/connector/index.ts';
import { readChanges } from './changes.ts';
import type { Org } from './client.ts';
import { readCursor, type Spot } from './cursor.ts';
import { pageOf } from './pages.ts';
import { columnsOf, MOST_ROWS, objectNameOf, type Place, query } from './queries.ts';
import { type Rows, rowsOf } from './records.ts';
import { literal } from './soql.ts';
import { isWhole, readWhole } from './whole.ts';

/** Pages of one slice of a sweep. */
const SWEEP_PAGES = 10;

export async function* readStream(org: Org, stream: StreamDeclaration, request: ReadRequest): AsyncGenerator<Page> {
  const place: Place = { org, stream, trafficClass: request.trafficClass };
  const limit = Math.min(request.pageSize, MOST_ROWS);
  const spot = readCursor(request.cursor);
  if (request.mode === 'sweep') yield* sweep(place, spot, limit);
  else if (isWhole(spot)) yield* readWhole(place, spot, { limit, isSnapshot: request.mode === 'full' });
  // A full read whose cursor speaks of changes has come to its end already.
  else if (request.mode === 'incremental' && spot !== null && spot.phase !== 'sweep')
    yield* readChanges(place, spot, limit);
}

async function* sweep(place: Place, spot: Spot | null, limit: number): AsyncGenerator<Page> {
  const { stream } = place;
  let after = spot?.phase === 'sweep' ? spot.after : null;
  const begun = spot?.phase === 'sweep' && spot.left > 0 ? spot.left : SWEEP_PAGES;
  for (let left = begun - 1; left >= 0; left--) {
    const where = after === null ? '' : ` WHERE Id > ${literal(after)}`;
    const soql = `SELECT ${columnsOf(stream).join(', ')} FROM ${objectNameOf(stream.name)}${where} ORDER BY Id LIMIT ${limit}`;
    const { rows, answer } = await query(place, soql, false, limit);
    const made = rowsOf(stream.name, rows, 1);
    const isEnd = rows.length < limit;
    after = isEnd ? null : (lastId(made) ?? after);
    const window = { id: `${stream.name} sweep`, kind: 'delta', scope: stream.name } as const;
    yield pageOf({
      ...made,
      next: { phase: 'sweep', after, left: isEnd ? 0 : left },
      window,
      observedAt: answer.sentAt,
    });
    if (isEnd) return;
  }
}

const lastId = (rows: Rows): string | undefined => rows.records.at(-1)?.id ?? undefined;
