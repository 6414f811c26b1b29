/** What people sent through forms: form by form, newest first, back to what is known. */
import { createHash } from 'node:crypto';
import {
  type Json,
  type JsonObject,
  type Page,
  type ReadRequest,
  type TrafficClass,
  z,
} from '../../src/connector/index.ts';
import type { Account } from './account.ts';
import { refused } from './client.ts';
import { isObject, objectOf, pageOf, textOf } from './json.ts';
import { bytesOf, type Parts } from './records.ts';
import { LAG_MS, OVERLAP_MS } from './streams.ts';

const MOST_LISTED = 50;
const MOST_FORMS_LISTED = 100;

/** Forms that are left to be read, the one under way first. `from` `null`: everything. */
const running = z.object({
  ...{ began: z.number(), from: z.number().nullable(), forms: z.array(z.string()), after: z.string().nullable() },
});
type Running = z.infer<typeof running>;
const settled = z.object({ since: z.number() });

/** https://developers.hubspot.com/docs/api-reference/legacy/forms-v2-legacy/guide */
export async function* readSubmissions(account: Account, request: ReadRequest): AsyncGenerator<Page> {
  const { mode, cursor, trafficClass } = request;
  const isFull = mode === 'full';
  const since = mode === 'incremental' ? (settled.safeParse(cursor).data?.since ?? null) : null;
  let at: Running = running.safeParse(cursor).data ?? {
    began: account.context.clock.now().getTime(),
    from: since === null ? null : since - OVERLAP_MS,
    ...{ forms: await formIds(account, trafficClass), after: null },
  };
  for (let isEnd = false; !isEnd; ) {
    const observedAt = account.context.clock.now();
    const [form] = at.forms;
    const page = form === undefined ? NOTHING : await submissionsPage(account, form, at.after, request);
    const { from } = at;
    const isKnown = from !== null && page.oldest !== null && page.oldest < from;
    const isFormRead = page.after === null || isKnown;
    at = isFormRead ? { ...at, forms: at.forms.slice(1), after: null } : { ...at, after: page.after };
    isEnd = at.forms.length === 0;
    yield {
      ...page.parts,
      next: isEnd ? { since: at.began - LAG_MS } : { ...at },
      window: {
        id: `${isFull ? 'full' : 'changes'} ${new Date(at.began).toISOString()}`,
        ...{ kind: isFull ? 'snapshot' : 'delta', scope: 'form_submissions' },
      },
      ...{ complete: isFull && isEnd, observedAt, expected: null, notBefore: null, context: {} },
    };
  }
}

type SubmissionsPage = { readonly parts: Parts; readonly after: string | null; readonly oldest: number | null };
const NOTHING: SubmissionsPage = { parts: { records: [], tombstones: [], problems: [] }, after: null, oldest: null };

async function submissionsPage(
  { portal, config }: Account,
  form: string,
  after: string | null,
  { pageSize, trafficClass }: Pick<ReadRequest, 'pageSize' | 'trafficClass'>,
): Promise<SubmissionsPage> {
  const limit = String(Math.min(pageSize, MOST_LISTED));
  const query = { limit, ...(after === null ? {} : { after }) };
  const answer = await portal.ask({ path: `${config.submissionsPath}/${form}`, query, trafficClass });
  // Deleted between the list of forms and now.
  if (answer.status === 404) return NOTHING;
  if (answer.status !== 200) throw refused(answer);
  const page = pageOf(answer.body, 'form submissions');
  const times = page.results.flatMap((one) => submittedAt(one) ?? []);
  return {
    parts: submissionRecords(form, page.results),
    after: page.after === after ? null : page.after,
    oldest: times.length === 0 ? null : Math.min(...times),
  };
}

function submissionRecords(form: string, submissions: readonly Json[]): Parts {
  const parts = submissions.map((submission, place) => {
    const position = place + 1;
    const at = submittedAt(submission);
    if (!isObject(submission) || at === null)
      return {
        problem: { message: 'A submission does not say when it was sent.', position, raw: bytesOf(submission) },
      };
    const id = submissionId(form, submission, at);
    // The vendor names neither the form nor an id in it.
    return { record: { raw: bytesOf({ ...submission, id, formId: form }), id, version: at, position } };
  });
  return {
    records: parts.flatMap(({ record }) => record ?? []),
    problems: parts.flatMap(({ problem }) => problem ?? []),
    tombstones: [],
  };
}

const submittedAt = (submission: Json): number | null => {
  const at = objectOf(submission).submittedAt;
  return typeof at === 'number' && Number.isSafeInteger(at) ? at : null;
};

/** `<form>/<epoch milliseconds>/<conversion>`; older submissions have no conversion id, and are told apart by what they say. */
function submissionId(form: string, submission: JsonObject, at: number): string {
  const conversion = textOf(submission.conversionId);
  if (conversion !== null) return `${form}/${at}/${conversion}`;
  const said = JSON.stringify([submission.values ?? null, submission.pageUrl ?? null]);
  return `${form}/${at}/${createHash('sha256').update(said).digest('hex').slice(0, 24)}`;
}

/** There is no single read: each form is read back to the time of the oldest one wanted. */
export async function submissionsById(account: Account, ids: readonly string[]): Promise<Parts> {
  const wanted = Map.groupBy(ids, (id) => id.split('/')[0] ?? '');
  const found: Parts[] = [];
  for (const [form, ofForm] of wanted) {
    const oldest = Math.min(...ofForm.map((id) => Number(id.split('/')[1])));
    let after: string | null = null;
    do {
      const request = { pageSize: MOST_LISTED, trafficClass: 'webhook' } as const;
      const page: SubmissionsPage = await submissionsPage(account, form, after, request);
      found.push(page.parts);
      after = page.oldest !== null && page.oldest < oldest ? null : page.after;
    } while (after !== null);
  }
  const records = found.flatMap((parts) => parts.records).filter(({ id }) => id !== null && ids.includes(id));
  const isFound = new Set(records.map(({ id }) => id));
  return {
    records,
    problems: found.flatMap(({ problems }) => problems),
    tombstones: ids.filter((id) => !isFound.has(id)).map((id) => ({ id, version: null })),
  };
}

async function formIds({ portal, config }: Account, trafficClass: TrafficClass): Promise<string[]> {
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const query = { limit: String(MOST_FORMS_LISTED), ...(after === null ? {} : { after }) };
    const page = pageOf(await portal.get({ path: config.formsPath, query, trafficClass }), 'forms');
    for (const form of page.results) {
      const id = textOf(objectOf(form).id);
      if (id !== null) ids.push(id);
    }
    after = page.after === after ? null : page.after;
  } while (after !== null);
  return ids;
}
