/** Bulk queries: the vendor's rules for them, their states over time, their result as lines in any order. */
import {
  type execute,
  type FieldNode,
  type GraphQLSchema,
  getNamedType,
  isListType,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
  TypeInfo,
  validate,
  visit,
  visitWithTypeInfo,
} from 'graphql';
import type { RequestFault } from '../faults.ts';
import type { Execution, View } from './connection.ts';
import { gid, iso } from './shop.ts';

const MOST_AT_ONCE = 5;
const MOST_CONNECTIONS = 5;
const START_MS = 400;
const RUN_MS = 1500;
const MS_PER_ROW = 0.2;
/** What the vendor says of its links. */
const LINK_LIFE_MS = 7 * 86_400_000;

export type BulkOperation = {
  readonly id: number;
  readonly query: string;
  readonly createdAt: number;
  readonly runsAt: number;
  readonly endsAt: number;
  readonly lines: readonly string[];
  readonly roots: number;
  readonly failure: 'INTERNAL_SERVER_ERROR' | 'TIMEOUT' | null;
  readonly isExpired: boolean;
  canceledAt: number | null;
};

export type BulkOperations = {
  get(id: number): BulkOperation | null;
  all(): readonly BulkOperation[];
  /** `user error` of the vendor instead of an operation. */
  start(
    query: string,
    execution: Execution,
  ): BulkOperation | { readonly field: string[] | null; readonly message: string; readonly code: string };
  /** The lines behind a link. */
  download(name: string): string | null;
};

export function openBulk(
  schema: GraphQLSchema,
  resolve: (execution: Execution, document: ReturnType<typeof parse>) => ReturnType<typeof execute>,
): BulkOperations {
  const operations = new Map<number, BulkOperation>();
  return {
    get: (id) => operations.get(id) ?? null,
    all: () => [...operations.values()],
    start: (query, execution) => {
      const problem = problemOf(schema, query);
      if (problem) return { field: ['query'], message: problem, code: 'INVALID' };
      const running = [...operations.values()].filter((one) => isOpen(stateOf(one, execution)));
      if (running.length >= MOST_AT_ONCE) {
        const ids = running.map(({ id }) => gid('BulkOperation', id)).join(', ');
        return {
          field: null,
          message: `A bulk query operation for this app and shop is already in progress: ${ids}.`,
          code: 'OPERATION_IN_PROGRESS',
        };
      }
      const made = run(query, execution, resolve);
      operations.set(made.id, made);
      return made;
    },
    download: (name) => {
      const one = operations.get(Number(/(\d+)/.exec(name)?.[1]));
      if (!one) return null;
      const lines = name.startsWith('partial') ? one.lines.slice(0, Math.floor(one.lines.length / 2)) : one.lines;
      return lines.map((line) => `${line}\n`).join('');
    },
  };
}

function run(query: string, execution: Execution, resolve: Parameters<typeof openBulk>[1]): BulkOperation {
  const { shop } = execution;
  const answer = resolve({ ...execution, isBulk: true }, parse(query));
  if (answer instanceof Promise) throw new TypeError('a bulk query of the sandbox is answered at once');
  const [root] = Object.values(JSON.parse(JSON.stringify(answer.data ?? {})));
  const lines: string[] = [];
  flatten(root, null, lines);
  const roots = lines.filter((line) => !line.includes('"__parentId":')).length;
  const now = shop.now();
  const fault = shop.faults.onRequest({ method: 'BULK', path: '/admin/bulk' });
  const runsAt = now + START_MS / shop.speed;
  return {
    ...{ id: shop.nextNumber(), query, createdAt: now, runsAt, lines: shuffled(lines, execution.random), roots },
    endsAt: runsAt + (RUN_MS + lines.length * MS_PER_ROW + (fault?.kind === 'slow' ? fault.ms : 0)) / shop.speed,
    failure: failureOf(fault),
    isExpired: fault?.kind === 'expired',
    canceledAt: null,
  };
}

/** A bulk query asks for faults as well, under the method BULK: it fails, times out or expires. */
function failureOf(fault: RequestFault | null): BulkOperation['failure'] {
  if (fault?.kind === 'cut') return 'TIMEOUT';
  return fault?.kind === 'unavailable' || fault?.kind === 'html' ? 'INTERNAL_SERVER_ERROR' : null;
}

function flatten(connection: unknown, parent: string | null, lines: string[]): void {
  for (const { node } of edgesOf(connection)) {
    const own: Record<string, unknown> = {};
    const children: unknown[] = [];
    for (const [name, value] of Object.entries(node)) {
      if (typeof value === 'object' && value !== null && 'edges' in value) children.push(value);
      else own[name] = value;
    }
    if (parent !== null) own['__parentId'] = parent;
    lines.push(JSON.stringify(own));
    for (const child of children) flatten(child, String(node['id']), lines);
  }
}

function edgesOf(connection: unknown): { node: Record<string, unknown> }[] {
  if (typeof connection !== 'object' || connection === null || !('edges' in connection)) return [];
  return Array.isArray(connection.edges) ? connection.edges : [];
}

function shuffled(lines: readonly string[], random: () => number): string[] {
  const mixed = [...lines];
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other] ?? '', mixed[at] ?? ''];
  }
  return mixed;
}

type State = 'CREATED' | 'RUNNING' | 'COMPLETED' | 'FAILED' | 'CANCELING' | 'CANCELED' | 'EXPIRED';
const isOpen = (state: State): boolean => state === 'CREATED' || state === 'RUNNING' || state === 'CANCELING';

function stateOf(one: BulkOperation, { shop }: Execution): State {
  const now = shop.now();
  if (one.canceledAt !== null) return now < one.canceledAt + START_MS / shop.speed ? 'CANCELING' : 'CANCELED';
  if (now < one.runsAt) return 'CREATED';
  if (now < one.endsAt) return 'RUNNING';
  if (one.isExpired || now > one.endsAt + LINK_LIFE_MS) return 'EXPIRED';
  return one.failure === null ? 'COMPLETED' : 'FAILED';
}

/** @returns whether it could still be stopped */
export function cancelBulk(one: BulkOperation, execution: Execution): boolean {
  if (!isOpen(stateOf(one, execution))) return false;
  one.canceledAt ??= execution.shop.now();
  return true;
}

export function bulkView(one: BulkOperation, execution: Execution): View {
  const status = stateOf(one, execution);
  const { endsAt, lines, roots } = one;
  const share = status === 'CREATED' ? 0 : status === 'RUNNING' ? 0.5 : 1;
  const link = (name: string) => `${execution.url}/bulk/${name}-${one.id}.jsonl`;
  const bytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0);
  return {
    ...{ __typename: 'BulkOperation', id: gid('BulkOperation', one.id), status, type: 'QUERY', query: one.query },
    errorCode: status === 'FAILED' ? one.failure : null,
    createdAt: iso(one.createdAt),
    completedAt: isOpen(status) ? null : iso(endsAt),
    objectCount: String(Math.floor(lines.length * share)),
    rootObjectCount: String(Math.floor(roots * share)),
    fileSize: status === 'COMPLETED' && lines.length > 0 ? String(bytes) : null,
    // Nothing found: there is no file.
    url: status === 'COMPLETED' && lines.length > 0 ? link('result') : null,
    partialDataUrl: status === 'FAILED' && lines.length > 0 ? link('partial') : null,
  };
}

/** What the vendor refuses of a bulk query, in its words. */
function problemOf(schema: GraphQLSchema, query: string): string | null {
  const bytes = Buffer.byteLength(query);
  if (bytes > 65_535) return `Query is too large (${bytes} bytes; maximum is 65535 bytes)`;
  let document: ReturnType<typeof parse>;
  try {
    document = parse(query);
  } catch {
    return 'Invalid bulk query: syntax error, unexpected end of file';
  }
  const operation = document.definitions.find(
    (one): one is OperationDefinitionNode => one.kind === Kind.OPERATION_DEFINITION,
  );
  if (operation?.operation !== 'query') return 'Invalid operation type. Only `query` operations are supported.';
  const invalid = validate(schema, document).filter(({ message }) => !/you must provide one of/.test(message));
  if (invalid[0]) return `Invalid bulk query: ${invalid[0].message}`;
  return rulesOf(schema, document, operation);
}

function rulesOf(
  schema: GraphQLSchema,
  document: ReturnType<typeof parse>,
  operation: OperationDefinitionNode,
): string | null {
  if (operation.selectionSet.selections.length !== 1) return 'Bulk queries must contain a single top level field.';
  const [top] = operation.selectionSet.selections;
  if (top?.kind === Kind.FIELD && ['node', 'nodes'].includes(top.name.value))
    return 'Bulk queries cannot contain a top level `node` field.';
  const info = new TypeInfo(schema);
  let connections = 0;
  let depth = 0;
  let lists = 0;
  const problems: string[] = [];
  const isConnection = (node: FieldNode) =>
    /Connection$/.test(String(info.getType() && getNamedType(info.getType() ?? undefined)?.name)) &&
    node.selectionSet !== undefined;
  visit(
    document,
    visitWithTypeInfo(info, {
      Field: {
        enter(node) {
          const type = info.getType();
          if (isListNotEdge(type, node)) lists += 1;
          if (!isConnection(node)) return;
          connections += 1;
          depth += 1;
          if (lists > 0)
            problems.push('Queries that contain a connection field within a list field are not currently supported.');
          if (node.selectionSet && selects(node.selectionSet, 'nodes'))
            problems.push('Bulk queries do not support the `nodes` field. Use `edges` and `node` instead.');
          if (depth > 1 && !parentHasId(operation, node))
            problems.push(
              "The parent 'node' field for a nested connection must select the 'id' field without an alias and must be of 'ID' return type.",
            );
          if (depth > 3) problems.push('Bulk queries cannot contain connections with a nesting depth greater than 2.');
        },
        leave(node) {
          if (isListNotEdge(info.getType(), node)) lists -= 1;
          if (isConnection(node)) depth -= 1;
        },
      },
    }),
  );
  if (connections === 0) return 'Bulk queries must contain at least one connection.';
  if (connections > MOST_CONNECTIONS) return 'Bulk queries cannot contain more than 5 connections.';
  return problems[0] ?? null;
}

function isListNotEdge(type: unknown, node: FieldNode): boolean {
  if (node.name.value === 'edges' || node.name.value === 'nodes' || node.selectionSet === undefined) return false;
  const bare = typeof type === 'object' && type !== null && 'ofType' in type ? Reflect.get(type, 'ofType') : type;
  return isListType(bare) || isListType(type);
}

const selects = (set: SelectionSetNode, name: string): boolean =>
  set.selections.some((one) => one.kind === Kind.FIELD && one.name.value === name);

/** Does the `node { … }` around this connection select its id? */
function parentHasId(operation: OperationDefinitionNode, connection: FieldNode): boolean {
  let isFound = false;
  visit(operation, {
    SelectionSet(set) {
      if (!set.selections.includes(connection)) return;
      isFound = set.selections.some(
        (one) => one.kind === Kind.FIELD && one.name.value === 'id' && one.alias === undefined,
      );
    },
  });
  return isFound;
}
