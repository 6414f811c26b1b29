/**
 * What a query costs, by the rule that fits 94 of 100 recorded ones: an object 1, a connection 2 and then its nodes by the
 * logarithm of their number, a count 10, a mutation 10.
 */
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

const COUNT = 10;
const FREE = new Set(['MailingAddress', 'MoneyBag', 'MoneyV2', 'ShopAddress', 'SEO', 'PageInfo']);

type Walk = {
  readonly schema: GraphQLSchema;
  readonly fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  readonly variables: Readonly<Record<string, unknown>>;
};

/** @param data the answer, to count what was really there; absent: what the query asks for at most */
export function costOf(
  schema: GraphQLSchema,
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
  data?: unknown,
): number {
  const fragments = new Map(
    document.definitions.flatMap((one) =>
      one.kind === Kind.FRAGMENT_DEFINITION ? [[one.name.value, one] as const] : [],
    ),
  );
  const walk = { schema, fragments, variables };
  const root = operation.operation === 'mutation' ? schema.getMutationType() : schema.getQueryType();
  if (!root) return 1;
  if (operation.operation === 'mutation') {
    const fields = fieldsOf(walk, operation.selectionSet, root);
    return fields.reduce((sum, field) => sum + 10 + costOfPayload(walk, field, field.answer(data)), 0);
  }
  return Math.max(1, costOfRoot(walk, fieldsOf(walk, operation.selectionSet, root), data));
}

/** What a mutation changed comes free; what hangs on it is counted. */
function costOfPayload(walk: Walk, { set, type }: Asked, answer: unknown): number {
  if (!set || !type) return 0;
  return fieldsOf(walk, set, type).reduce((sum, field) => {
    const cost = costOfField(walk, field, field.answer(answer));
    const isFree = cost === 0 || field.type?.name.endsWith('Connection') === true || FREE.has(field.type?.name ?? '');
    return sum + (isFree ? cost : cost - 1);
  }, 0);
}

/** Counts cost ten where a query begins with them. */
function costOfRoot(walk: Walk, fields: readonly Asked[], data: unknown): number {
  return fields.reduce(
    (sum, field) => sum + (field.type?.name === 'Count' ? COUNT : costOfField(walk, field, field.answer(data))),
    0,
  );
}

/** How much many nodes weigh. */
const weight = (count: number): number => (count <= 0 ? 0 : Math.max(1, Math.floor(2 * Math.log(count))));

type Asked = {
  readonly name: string;
  readonly type: GraphQLNamedType | null;
  readonly set: SelectionSetNode | undefined;
  readonly first: number | null;
  answer(data: unknown): unknown;
};

function below(walk: Walk, set: SelectionSetNode, type: GraphQLNamedType, data: unknown): number {
  const own = (at: GraphQLNamedType) =>
    fieldsOf(walk, set, at).reduce((sum, field) => sum + costOfField(walk, field, field.answer(data)), 0);
  if (!isAbstractType(type)) return own(type);
  const named = typeof data === 'object' && data !== null ? Reflect.get(data, '__typename') : undefined;
  const known = typeof named === 'string' ? walk.schema.getType(named) : undefined;
  if (known) return own(known);
  // Only what fragments name can differ; trying all types of Node would take long.
  const names = conditionsOf(walk, set, new Set());
  return Math.max(own(type), ...[...names].flatMap((name) => walk.schema.getType(name) ?? []).map((one) => own(one)));
}

function conditionsOf(walk: Walk, set: SelectionSetNode, found: Set<string>): Set<string> {
  for (const selection of set.selections) {
    if (selection.kind === Kind.INLINE_FRAGMENT) {
      if (selection.typeCondition) found.add(selection.typeCondition.name.value);
      conditionsOf(walk, selection.selectionSet, found);
    } else if (selection.kind === Kind.FRAGMENT_SPREAD) {
      const fragment = walk.fragments.get(selection.name.value);
      if (fragment) found.add(fragment.typeCondition.name.value);
      if (fragment) conditionsOf(walk, fragment.selectionSet, found);
    }
  }
  return found;
}

function costOfField(walk: Walk, field: Asked, answer: unknown): number {
  const { name, type, set, first } = field;
  if (type && set && answer === null) return 0;
  if (!type || !set || name === 'userErrors' || name === 'pageInfo') return 0;
  if (type.name.endsWith('Connection')) return costOfConnection(walk, set, type, first, answer);
  if (Array.isArray(answer)) {
    const each = answer.map((one) => (one === null ? 0 : below(walk, set, type, one)));
    return (FREE.has(type.name) || answer.length === 0 ? 0 : 1) + Math.max(0, ...each);
  }
  return (FREE.has(type.name) ? 0 : 1) + below(walk, set, type, answer);
}

function costOfConnection(
  walk: Walk,
  set: SelectionSetNode,
  type: GraphQLNamedType,
  first: number | null,
  answer: unknown,
): number {
  const lists = fieldsOf(walk, set, type).filter(({ name }) => name === 'nodes' || name === 'edges');
  return lists.reduce((sum, list) => {
    const given = list.answer(answer);
    const elements: readonly unknown[] = Array.isArray(given) ? given : [undefined];
    const count = answer === undefined ? (first ?? 0) : Array.isArray(given) ? given.length : 0;
    return sum + weight(count) * (1 + Math.max(0, ...elements.map((element) => costOfNode(walk, list, element))));
  }, 2);
}

function costOfNode(walk: Walk, { name, set, type }: Asked, element: unknown): number {
  if (!set || !type) return 0;
  if (name === 'nodes') return below(walk, set, type, element);
  return fieldsOf(walk, set, type)
    .filter((field) => field.name === 'node')
    .reduce(
      (sum, node) => sum + (node.set && node.type ? below(walk, node.set, node.type, node.answer(element)) : 0),
      0,
    );
}

/** Fields of a selection on this type, fragments opened. */
function fieldsOf(walk: Walk, set: SelectionSetNode, at: GraphQLNamedType): Asked[] {
  if (!isCompositeType(at)) return [];
  const known = 'getFields' in at ? at.getFields() : {};
  return set.selections.flatMap((selection): Asked[] => {
    if (selection.kind === Kind.FIELD) {
      const field = known[selection.name.value];
      const key = selection.alias?.value ?? selection.name.value;
      const size = selection.arguments?.find(({ name }) => name.value === 'first' || name.value === 'last')?.value;
      const first =
        size?.kind === Kind.INT
          ? Number(size.value)
          : size?.kind === Kind.VARIABLE
            ? Number(walk.variables[size.name.value] ?? 0)
            : null;
      return [
        {
          ...{ name: selection.name.value, set: selection.selectionSet, first },
          type: field ? getNamedType(field.type) : null,
          answer: (data) => (typeof data === 'object' && data !== null ? (Reflect.get(data, key) ?? null) : data),
        },
      ];
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : walk.fragments.get(selection.name.value);
    const condition = fragment?.typeCondition?.name.value;
    const applies = condition === undefined || condition === at.name || isWithin(walk.schema, at, condition);
    return fragment && applies ? fieldsOf(walk, fragment.selectionSet, at) : [];
  });
}

function isWithin(schema: GraphQLSchema, type: GraphQLNamedType, condition: string): boolean {
  const wider = schema.getType(condition);
  return wider !== undefined && isAbstractType(wider) && isObjectType(type) && schema.isSubType(wider, type);
}
