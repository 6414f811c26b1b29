/** Answers to batch reads: what is there, and that what is not named was looked for. */
import type { Json } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { type Answer, refused } from './client.ts';
import { listOf, objectOf, pageOf, textOf } from './json.ts';

/**
 * The objects of a batch read. Those that it says are not there are left out (207).
 * @throws TributaryError when it fails, has no results, or when some could not be read: never to be taken for gone
 */
export function objectsIn(answer: Answer, what: string): readonly Json[] {
  const { results } = batchIn(answer, what);
  const errors = listOf(objectOf(answer.body).errors).map(objectOf);
  if (errors.some(({ category }) => !isNotThere(category))) throw unread(what, answer);
  return results;
}

/** Results of a batch, whose errors are for the caller to judge. */
export function batchIn(answer: Answer, what: string): { readonly results: readonly Json[] } {
  if (answer.status !== 200 && answer.status !== 207) throw refused(answer);
  return pageOf(answer.body, what);
}

/** Whether an error says that there is nothing of that kind. */
export const isNotThere = (category: Json | undefined): boolean =>
  (textOf(category) ?? 'NOT_FOUND').endsWith('NOT_FOUND');

export const unread = (what: string, { status }: Answer): TributaryError =>
  new TributaryError('ERR_CONNECTOR_UNREACHABLE', `HubSpot could not read all ${what} that were asked for.`, {
    evidence: { status },
  });
