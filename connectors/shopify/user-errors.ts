/** What Shopify says of a mutation it did not carry out: `userErrors` beside HTTP 200. */
import type { WriteOutcome } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { isObject } from './nodes.ts';

export type Rejected = Extract<WriteOutcome, { state: 'rejected' }>;

export function rejected(
  code: string,
  message: string,
  fields: readonly string[],
  retry: Rejected['retry'] = 'terminal',
): Rejected {
  return { state: 'rejected', code, message, fields, retry };
}

/** Codes of what may work when it is tried again as it is. */
const PASSING = new Set(['IDEMPOTENCY_CONCURRENT_REQUEST', 'SHOP_DORMANT', 'INTERNAL_ERROR']);

/**
 * The errors by place in the list at `path` (`["input", "quantities", "3", "quantity"]` is about the fourth), and those that
 * name no place.
 */
export function groupErrors(
  userErrors: unknown,
  path: readonly string[],
): { readonly byIndex: ReadonlyMap<number, Rejected>; readonly others: readonly Rejected[] } {
  const byIndex = new Map<number, Rejected>();
  const others: Rejected[] = [];
  for (const error of Array.isArray(userErrors) ? userErrors.filter(isObject) : []) {
    const code = typeof error['code'] === 'string' ? error['code'] : 'INVALID';
    const field = Array.isArray(error['field']) ? error['field'].map(String) : [];
    const isWithin = path.every((step, at) => field[at] === step);
    const index = isWithin ? Number(field[path.length] ?? Number.NaN) : Number.NaN;
    const fields = Number.isInteger(index) ? field.slice(path.length + 1) : field;
    const found = rejected(
      code,
      String(error['message'] ?? code),
      fields,
      PASSING.has(code) ? 'transient' : 'terminal',
    );
    if (!Number.isInteger(index)) others.push(found);
    else if (!byIndex.has(index)) byIndex.set(index, found);
  }
  return { byIndex, others };
}

/** The first error of a mutation about one record; `null`: there is none. */
export function firstError(userErrors: unknown): Rejected | null {
  return groupErrors(userErrors, ['nothing']).others[0] ?? null;
}

/**
 * A failed call as an outcome. An answer that did not come, or came with a part of it denied, says nothing of what was
 * done; a limit or a refusal says that nothing was.
 * @throws what is no error of a call, such as the end of the connection
 */
export function outcomeOfError(error: unknown): WriteOutcome {
  if (!(error instanceof TributaryError)) throw error;
  const isLost = error.code === 'ERR_CONNECTOR_UNREACHABLE' || error.evidence['isDone'] === true;
  return isLost ? { state: 'unknown', message: error.message } : rejected(error.code, error.message, [], error.retry);
}
