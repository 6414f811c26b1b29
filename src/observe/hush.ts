/** Keeps the secrets of a connection out of what its vendor answers: some send back in an error all that they were sent. */
import type { Source } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { hideSecrets } from './log.ts';

/**
 * A source whose errors, findings and outcomes of writes hold none of the secrets, wherever they go from here. Records are
 * left as they are.
 * @param secrets those that may be in use by now
 */
export function hushed(source: Source, secrets: () => readonly string[]): Source {
  const quietly = async <Result>(work: Promise<Result>): Promise<Result> => {
    try {
      return await work;
    } catch (thrown) {
      throw hideInError(thrown, secrets());
    }
  };
  const { write, find, describe, webhooks } = source;
  return {
    ...source,
    check: async () => hideDeep(await quietly(source.check()), secrets()),
    async *read(request) {
      try {
        yield* source.read(request);
      } catch (thrown) {
        throw hideInError(thrown, secrets());
      }
    },
    readIds: (stream, ids) => quietly(source.readIds(stream, ids)),
    ...(write && { write: async (intents) => hideDeep(await quietly(write(intents)), secrets()) }),
    ...(find && { find: async (intent) => hideDeep(await quietly(find(intent)), secrets()) }),
    ...(describe && { describe: (stream) => quietly(describe(stream)) }),
    ...(webhooks && {
      webhooks: {
        ...webhooks,
        verify: (request) => quietly(webhooks.verify(request)),
        subscribe: (url) => quietly(webhooks.subscribe(url)),
        unsubscribe: () => quietly(webhooks.unsubscribe()),
        inspect: () => quietly(webhooks.inspect()),
      },
    }),
  };
}

/** The same error without them; the error itself where it has none. */
function hideInError(thrown: unknown, secrets: readonly string[]): unknown {
  if (!(thrown instanceof Error)) return hideDeep(thrown, secrets);
  const message = hideSecrets(thrown.message, secrets);
  const stack = hideSecrets(thrown.stack ?? '', secrets);
  const cause = hideInError(thrown.cause, secrets);
  const ours = thrown instanceof TributaryError ? thrown : null;
  const evidence = hideDeep(ours?.evidence, secrets);
  const remedy = hideSecrets(ours?.remedy ?? '', secrets);
  const isClean =
    message === thrown.message &&
    stack === (thrown.stack ?? '') &&
    cause === thrown.cause &&
    remedy === (ours?.remedy ?? '') &&
    JSON.stringify(evidence) === JSON.stringify(ours?.evidence);
  if (isClean) return thrown;
  const hidden = ours
    ? new TributaryError(ours.code, message, {
        ...{ remedy, cause },
        ...(evidence ? { evidence } : {}),
        ...(ours.notBefore ? { notBefore: ours.notBefore } : {}),
      })
    : Object.assign(new Error(message, { cause }), { name: thrown.name });
  hidden.stack = stack;
  return hidden;
}

/** The same value with secrets hidden in every text of it. */
function hideDeep<Value>(value: Value, secrets: readonly string[]): Value;
function hideDeep(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return hideSecrets(value, secrets);
  if (Array.isArray(value)) return value.map((one) => hideDeep(one, secrets));
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, hideDeep(one, secrets)]));
}
