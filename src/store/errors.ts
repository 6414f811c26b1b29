import { TributaryError } from '../errors.ts';

const FULL = new Set(['53100', '53200']);
/** Connection failures, shutdown, too many connections, stood still too long; deadlock and serialization failures pass on a second try. */
const AWAY = /^(08|57P|53300|25P03|40P01|40001)/;
const NETWORK = new Set([
  'EAI_AGAIN',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EHOSTUNREACH',
]);

/** A database's error as one of ours; values in it stay out of the message. */
export function storeError(thrown: unknown): unknown {
  if (thrown instanceof TributaryError || !(thrown instanceof Error)) return thrown;
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
  if (FULL.has(code) || code === 'ENOSPC' || /No space left|ENOSPC/.test(thrown.message)) {
    return new TributaryError('ERR_STORE_FULL', 'The store has no room left.', { cause: thrown });
  }
  if (AWAY.test(code) || NETWORK.has(code) || /Connection terminated|connection timeout/i.test(thrown.message)) {
    return new TributaryError('ERR_STORE_UNAVAILABLE', `The database does not answer (${code || thrown.message}).`, {
      cause: thrown,
    });
  }
  return thrown;
}
