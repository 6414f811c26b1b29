/** `/query`, `/queryAll` and their further pages, which a locator names. */
import type { JsonObject } from '../../connector/contract.ts';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import { ApiError } from './errors.ts';
import type { Org } from './org.ts';
import { find, shape } from './query.ts';
import { parseSoql } from './soql.ts';

const LEAST_BATCH = 200;
const MOST_BATCH = 2000;
/** Results an org keeps open for one user. */
const OPEN_RESULTS = 10;

type Result = { readonly size: number; readonly records: readonly JsonObject[]; readonly batch: number };

export type Queries = {
  /** First page of a query. `base` is the path of the API with its version. */
  query(request: SystemRequest, base: string, all: boolean): SystemAnswer;
  /** A further page, by `<locator>-<offset>`. */
  more(locator: string, base: string): SystemAnswer;
};

/** @param onAnswered called with the object of each answered list */
export function makeQueries(org: Org, onAnswered: (object: string) => void): Queries {
  const open = new Map<string, Result>();
  let opened = 0;
  const page = (id: string, result: Result, offset: number, base: string): SystemAnswer => {
    const end = offset + result.batch;
    const done = end >= result.records.length;
    if (done) open.delete(id);
    return {
      status: 200,
      body: {
        totalSize: result.size,
        done,
        ...(done ? {} : { nextRecordsUrl: `${base}/query/${id}-${end}` }),
        records: result.records.slice(offset, end),
      },
    };
  };
  return {
    query(request, base, all) {
      const query = parseSoql(request.query.get('q') ?? '');
      const { object, rows } = find(org, query, all);
      if (query.select === null) return { status: 200, body: { totalSize: rows.length, done: true, records: [] } };
      const { select } = query;
      const asked = Number(/batchSize=(\d+)/.exec(request.headers['sforce-query-options'] ?? '')?.[1] ?? MOST_BATCH);
      const batch = Math.min(Math.max(asked, LEAST_BATCH), MOST_BATCH);
      const records = rows.map((row) => shape(org, object, row, select, base));
      opened += 1;
      const id = `01g5g${String(opened).padStart(13, '0')}`;
      const result = { size: rows.length, records, batch };
      open.set(id, result);
      for (const oldest of open.keys()) {
        if (open.size <= OPEN_RESULTS) break;
        open.delete(oldest);
      }
      const answer = page(id, result, 0, base);
      onAnswered(object.name);
      return answer;
    },
    more(locator, base) {
      const [id = '', offset = ''] = locator.split('-');
      const result = open.get(id);
      if (!result || !/^\d+$/.test(offset)) throw new ApiError(400, 'INVALID_QUERY_LOCATOR', 'invalid query locator');
      return page(id, result, Number(offset), base);
    },
  };
}
