/** POST /admin/api/<version>/graphql.json: executes on the real schema, answers in the vendor's envelope. */
import {
  type DocumentNode,
  defaultTypeResolver,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLOutputType,
  getNamedType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  Kind,
  type OperationDefinitionNode,
  OverlappingFieldsCanBeMergedRule,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import type { SystemAnswer, SystemRequest } from '../server.ts';
import type { Bucket } from './bucket.ts';
import type { BulkOperations } from './bulk.ts';
import { connection, type Execution } from './connection.ts';
import { costOf } from './cost.ts';
import { type Answered, refusedMutation, rootMutation } from './mutations.ts';
import { rootQuery } from './queries.ts';
import { adminSchema } from './schema.ts';
import { tellStaticError } from './static-errors.ts';

const MOST_POINTS_A_QUERY = 1000;
const MOST_DOCUMENTS = 200;
// Shopify allows what this rule forbids.
const RULES = specifiedRules.filter((rule) => rule !== OverlappingFieldsCanBeMergedRule);

type Asked = { readonly document: DocumentNode; readonly operation: OperationDefinitionNode };
export type Endpoint = { answer(request: SystemRequest, execution: Execution): { answer: SystemAnswer; cost: number } };

export function openEndpoint(bucket: Bucket, bulk: BulkOperations): Endpoint {
  const schema = adminSchema();
  const documents = new Map<string, Asked | SystemAnswer>();
  const answered: Answered = new Map();
  const understood = (query: string): Asked | SystemAnswer => {
    const known = documents.get(query) ?? understand(query);
    if (documents.size >= MOST_DOCUMENTS) documents.clear();
    documents.set(query, known);
    return known;
  };
  return {
    answer: (request, execution) => {
      const { query, variables } = readBody(request.body);
      const asked = understood(query);
      if ('status' in asked) return { answer: asked, cost: 0 };
      const { document, operation } = asked;
      const requested = costOf(schema, document, operation, variables);
      const envelope = (body: object, actual: number | null): SystemAnswer =>
        ok({
          ...body,
          extensions: {
            cost: { requestedQueryCost: requested, actualQueryCost: actual, throttleStatus: bucket.status() },
            ...(execution.searches.length > 0 ? { search: execution.searches } : {}),
          },
        });
      if (requested > MOST_POINTS_A_QUERY) return { answer: ok(tooDear(requested)), cost: 0 };
      const { fault } = request;
      if (fault?.kind === 'limited') bucket.drain(requested, fault.retryAfterMs);
      if (!bucket.take(requested)) return { answer: envelope(THROTTLED, null), cost: 0 };
      const result = run(execution, bulk, answered, asked, variables);
      if (result.errors?.some(({ message }) => message.startsWith('Variable "$')))
        return { answer: ok(badVariables(result)), cost: 0 };
      const data: unknown = JSON.parse(JSON.stringify(result.data ?? null));
      const actual = Math.min(requested, costOf(schema, document, operation, variables, data));
      bucket.giveBack(requested - actual);
      const errors = result.errors?.map(tellRunError);
      return { answer: envelope({ ...(errors ? { errors } : {}), data }, actual), cost: actual };
    },
  };

  function understand(query: string): Asked | SystemAnswer {
    let document: DocumentNode;
    try {
      document = parse(query);
    } catch (error) {
      const [place] = error instanceof GraphQLError ? (error.locations ?? []) : [];
      const where = place ? ` at [${place.line}, ${place.column}]` : '';
      return ok({
        errors: [
          { message: `syntax error${where}`, locations: place ? [place] : [], extensions: { code: 'PARSE_ERROR' } },
        ],
      });
    }
    const operations = document.definitions.filter((one) => one.kind === Kind.OPERATION_DEFINITION);
    const [operation] = operations;
    if (!operation || operations.length > 1) return ok({ errors: [{ message: 'An operation name is required' }] });
    const problems = validate(schema, document, RULES);
    if (problems.length > 0) return ok({ errors: problems.map((problem) => tellStaticError(problem, document)) });
    return { document, operation };
  }
}

/** Runs a document; lists of a bulk query come whole. */
export function run(
  execution: Execution,
  bulk: BulkOperations,
  answered: Answered,
  { document, operation }: Asked,
  variables: Readonly<Record<string, unknown>>,
): ExecutionResult {
  const isMutation = operation.operation === 'mutation';
  const result = execute({
    ...{ schema: adminSchema(), document, variableValues: variables, contextValue: execution },
    rootValue: isMutation ? rootMutation(execution, bulk, answered) : rootQuery(execution, bulk),
    fieldResolver: resolveField,
    typeResolver: defaultTypeResolver,
  });
  if (result instanceof Promise) throw new TypeError('everything here is answered at once');
  return result;
}

/** A field of a view; what no view has is empty, as in a shop that has nothing of it. */
const resolveField: GraphQLFieldResolver<unknown, Execution> = (source, args, execution, info) => {
  const value: unknown =
    typeof source === 'object' && source !== null ? Reflect.get(source, info.fieldName) : undefined;
  if (typeof value === 'function') return value(args, execution, info);
  if (value !== undefined) return value;
  if (info.parentType.name === 'Mutation') throw refusedMutation(info.fieldName);
  return emptyOf(info.returnType, args, execution);
};

function emptyOf(type: GraphQLOutputType, args: Readonly<Record<string, unknown>>, execution: Execution): unknown {
  const named = getNamedType(type);
  if (isObjectType(named) && named.name.endsWith('Connection')) return connection([], args, execution);
  if (!isNonNullType(type)) return null;
  if (isListType(type.ofType)) return [];
  if (isScalarType(named)) return { Boolean: false, Int: 0, Float: 0 }[named.name] ?? '';
  return 'getValues' in named ? named.getValues()[0]?.value : {};
}

const ok = (body: object): SystemAnswer => ({ status: 200, body });

const THROTTLED = {
  errors: [
    {
      message: 'Throttled',
      extensions: { code: 'THROTTLED', documentation: 'https://shopify.dev/api/usage/rate-limits' },
    },
  ],
};

const tooDear = (cost: number) => ({
  errors: [
    {
      message: `Query cost is ${cost}, which exceeds the single query max cost limit (${MOST_POINTS_A_QUERY}).`,
      extensions: {
        code: 'MAX_COST_EXCEEDED',
        cost,
        maxCost: MOST_POINTS_A_QUERY,
        documentation: 'https://shopify.dev/api/usage/rate-limits',
      },
    },
  ],
});

function badVariables(result: ExecutionResult) {
  return {
    errors: result.errors?.map(({ message, locations }) => {
      const [, name = '', explanation = ''] = /^Variable "\$([^"]+?)"(.*)$/s.exec(message) ?? [];
      return {
        message: `Variable $${name.split('.')[0]} was provided invalid value (${explanation.trim()})`,
        locations: locations ?? [],
        extensions: {
          code: 'INVALID_VARIABLE',
          value: null,
          problems: [{ path: name.split('.').slice(1), explanation: explanation.trim() }],
        },
      };
    }),
  };
}

function tellRunError({ message, locations, path, extensions }: GraphQLError) {
  const code = extensions['code'];
  if (code === undefined)
    return {
      message: `Internal error. Looks like something went wrong on our end. (${message})`,
      extensions: { code: 'INTERNAL_SERVER_ERROR' },
    };
  return { message, locations, extensions, path };
}

function readBody(body: Buffer): { query: string; variables: Readonly<Record<string, unknown>> } {
  const read: unknown = JSON.parse(body.toString('utf8'));
  const query: unknown = typeof read === 'object' && read !== null ? Reflect.get(read, 'query') : '';
  const variables: unknown = typeof read === 'object' && read !== null ? Reflect.get(read, 'variables') : {};
  return {
    query: typeof query === 'string' ? query : '',
    variables: typeof variables === 'object' && variables !== null ? { ...variables } : {},
  };
}
