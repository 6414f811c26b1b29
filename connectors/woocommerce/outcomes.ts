/** What an answer to a write says about the intents behind it. */
import type { Json, JsonObject, WriteOutcome } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { errorIn, isObject, judge, type Shop, type ShopAnswer } from './client.ts';
import { versionOf } from './records.ts';

/** `WriteOutcome` without the id in the way, for what this connector itself refuses. */
export const refused = (code: string, message: string): WriteOutcome => ({
  ...{ state: 'rejected', code, message, fields: [], retry: 'terminal' },
});

/** An error of WooCommerce: of a whole call, or of one entry of a batch. */
export function rejection(error: Json | undefined): WriteOutcome {
  const { code, message } = errorIn(error);
  const data = isObject(error) && isObject(error.data) ? error.data : {};
  const status = typeof data.status === 'number' ? data.status : 400;
  const existing = typeof data.resource_id === 'number' ? { existingId: String(data.resource_id) } : {};
  return {
    state: 'rejected',
    code: code ?? `HTTP ${status}`,
    message: message ?? 'The shop gave no reason.',
    fields: Object.keys(isObject(data.params) ? data.params : {}),
    // What fails inside the shop may pass; what it refuses stays refused.
    retry: status >= 500 || status === 429 ? 'transient' : 'terminal',
    ...existing,
  };
}

export function kept(id: string, body: Json, stored: JsonObject): WriteOutcome {
  return { state: 'ok', id, version: versionOf(body), stored };
}

/**
 * An answer that decides nothing about single intents: `unknown` where it may have been carried out, `null` where the shop
 * did it, or refused it for a reason that `rejection` can read.
 * @throws as `lost`
 */
export function undecided(shop: Shop, answer: ShopAnswer): WriteOutcome | null {
  const { status, body } = answer;
  const isRefusal = status >= 400 && status < 500 && ![401, 403, 408, 429].includes(status);
  if (body !== undefined && (isRefusal || status < 300)) return null;
  try {
    judge(shop, answer);
  } catch (error) {
    return lost(error);
  }
  return null;
}

/**
 * What a write means whose call failed: it may have been carried out.
 * @throws what says that it was not: a pause the shop names itself, wrong credentials, the end of the connection
 */
export function lost(error: unknown): WriteOutcome {
  if (!(error instanceof TributaryError) || error.code === 'ERR_CONNECTOR_CREDENTIALS') throw error;
  if (error.code === 'ERR_CONNECTOR_LIMITED' && error.notBefore !== null) throw error;
  return { state: 'unknown', message: error.message };
}

/**
 * What becomes of intents that a failure kept from being sent, once others of the call were. Before that the failure goes up
 * as it is, for the shop to be left alone as a whole.
 * @throws the end of the connection
 */
export function postponed(error: unknown): WriteOutcome {
  if (!(error instanceof TributaryError)) throw error;
  return { state: 'rejected', code: error.code, message: error.message, fields: [], retry: 'transient' };
}
