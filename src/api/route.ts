import { z } from 'zod';
import { isStorable } from '../canonical/text.ts';
import type { Tx } from '../store/store.ts';
import { ApiError, type FieldProblem } from './errors.ts';
import type { Scope } from './keys.ts';

/** What a handler is given: already checked, and only this tenant's rows. */
export type Asked<Params, Query> = {
  readonly params: Params;
  readonly query: Query;
  readonly tenant: number;
  readonly tx: Tx;
};

/** One route as a table entry: what it takes, what it gives, who may call it. OpenAPI is made from it. */
export type RouteTable<Params, Query> = {
  readonly method: 'GET';
  /** Fastify's form, `/api/v2/inventory/:id`. */
  readonly path: string;
  readonly name: string;
  readonly summary: string;
  readonly about: string;
  readonly scope: Scope;
  readonly params: z.ZodType<Params>;
  readonly query: z.ZodType<Query>;
  readonly answer: z.ZodType;
  /** `null`: there is no such thing. */
  handle(asked: Asked<Params, Query>): Promise<unknown>;
};

/** A route as the program registers it. */
export type Route = Omit<RouteTable<unknown, unknown>, 'handle'> & {
  /**
   * Checks what was asked; the answer is made by what it returns.
   * @throws ApiError 400 naming every parameter that is wrong
   */
  prepare(raw: {
    readonly params: unknown;
    readonly query: unknown;
  }): (around: { readonly tenant: number; readonly tx: Tx }) => Promise<unknown>;
};

/** A route that changes something: what it takes beside a route that answers. */
export type ActionTable<Params, Body> = Omit<RouteTable<Params, unknown>, 'method' | 'query' | 'handle'> & {
  readonly method: 'POST';
  readonly body: z.ZodType<Body>;
  handle(asked: { readonly params: Params; readonly body: Body; readonly tenant: number }): Promise<unknown>;
};

/** An action as the program registers it; it answers 201. */
export type Action = Omit<ActionTable<unknown, unknown>, 'handle'> & {
  /** @throws ApiError 400 naming every field that is wrong */
  prepare(raw: { readonly params: unknown; readonly body: unknown }): (tenant: number) => Promise<unknown>;
};

/** Makes an action out of its table. */
export function defineAction<Params, Body>({ handle, ...table }: ActionTable<Params, Body>): Action {
  return {
    ...table,
    prepare(raw) {
      const params = checked(table.params, raw.params);
      const body = checked(table.body, raw.body ?? {});
      return (tenant) => handle({ params, body, tenant });
    },
  };
}

/** Makes a route out of its table. */
export function defineRoute<Params, Query>({ handle, ...table }: RouteTable<Params, Query>): Route {
  return {
    ...table,
    prepare(raw) {
      const params = checked(table.params, raw.params);
      const query = checked(table.query, raw.query);
      return ({ tenant, tx }) => handle({ params, query, tenant, tx });
    },
  };
}

/** A whole number as it stands in an address. */
export const wholeNumber = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value),
    z.int().min(min).max(max),
  );

/** Text that the store can compare with. */
export const text = (max: number) =>
  z.string().min(1).max(max).refine(isStorable, 'has characters that no record can have');

export const trueOrFalse = z.preprocess(
  (value) => (value === 'true' ? true : value === 'false' ? false : value),
  z.boolean(),
);

/**
 * Checks a part of a request against its schema.
 * @throws ApiError 400 naming every field that is wrong
 */
export function checked<T>(schema: z.ZodType<T>, input: unknown): T {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const details = parsed.error.issues.flatMap((issue): FieldProblem[] => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ field: key.slice(0, 64), message: 'is not known here' }));
    const received = kindOf(valueAt(input, issue.path));
    const problem = { field: issue.path.map(String).join('.'), message: messageOf(issue, received) };
    const kinds = issue.code === 'invalid_type' ? { expected: issue.expected, received } : {};
    return [{ ...problem, ...kinds }];
  });
  throw new ApiError(400, 'The request has parameters that are not valid.', { details });
}

const kindOf = (value: unknown): string =>
  value === null ? 'null' : Array.isArray(value) ? 'array' : value === undefined ? 'nothing' : typeof value;

const valueAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (one, key) => (typeof one === 'object' && one !== null ? Reflect.get(one, key) : undefined),
    value,
  );

const KINDS: Readonly<Record<string, string>> = {
  boolean: 'must be true or false',
  string: 'must be text',
  object: 'must be an object',
  array: 'must be a list',
};

function messageOf(issue: z.core.$ZodIssue, received: string): string {
  if (issue.code === 'too_big') {
    const counted: Readonly<Record<string, string>> = { string: 'characters', array: 'entries' };
    const unit = counted[issue.origin];
    return unit ? `must have at most ${issue.maximum} ${unit}` : `must be at most ${issue.maximum}`;
  }
  if (issue.code === 'too_small')
    return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
  if (issue.code === 'invalid_type') {
    if (received === 'nothing') return 'must be given';
    if (issue.expected === 'string' && received === 'array') return 'must be given once';
    return KINDS[issue.expected] ?? 'must be a whole number';
  }
  return issue.message;
}
