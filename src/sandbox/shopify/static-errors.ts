/** What the vendor says of a query that the schema does not allow; graphql-js finds it, the words and codes are Shopify's. */
import { type ASTNode, type DocumentNode, type GraphQLError, Kind, visit } from 'graphql';

type Told = { readonly message: string; readonly extensions: Readonly<Record<string, unknown>> };

const RULES: readonly { readonly pattern: RegExp; tell(found: readonly string[]): Told }[] = [
  {
    pattern: /^Cannot query field "(.+?)" on type "(.+?)"/,
    tell: ([, fieldName = '', typeName = '']) => ({
      message: `Field '${fieldName}' doesn't exist on type '${typeName}'`,
      extensions: { code: 'undefinedField', typeName, fieldName },
    }),
  },
  {
    pattern: /^Unknown argument "(.+?)" on field "(?:.+?\.)?(.+?)"/,
    tell: ([, argument = '', field = '']) => ({
      message: `Field '${field}' doesn't accept argument '${argument}'`,
      extensions: { code: 'argumentNotAccepted', name: field, typeName: 'Field', argumentName: argument },
    }),
  },
  {
    pattern: /^(?:Field "(.+?)" argument|Argument) "(.+?)" of type/,
    tell: ([, field = '', argument = '']) => ({
      message: `Field '${field}' is missing required arguments: ${argument}`,
      extensions: { code: 'missingRequiredArguments', className: 'Field', name: field, arguments: argument },
    }),
  },
  {
    pattern: /^Variable "\$(.+?)" is never used in operation "(.+?)"/,
    tell: ([, variableName = '', operation = '']) => ({
      message: `Variable $${variableName} is declared by ${operation} but not used`,
      extensions: { code: 'variableNotUsed', variableName },
    }),
  },
  {
    pattern: /^Unknown type "(.+?)"/,
    tell: ([, typeName = '']) => ({
      message: `No such type ${typeName}, so it can't be a fragment condition`,
      extensions: { code: 'undefinedType', typeName },
    }),
  },
  {
    pattern: /^Unknown directive "@(.+?)"/,
    tell: ([, directiveName = '']) => ({
      message: `Directive @${directiveName} is not defined`,
      extensions: { code: 'undefinedDirective', directiveName },
    }),
  },
  {
    pattern: /^Field "(.+?)" of required type "(.+?)" was not provided/,
    tell: ([, path = '', argumentType = '']) => {
      const [inputObjectType = '', argumentName = ''] = path.split('.');
      return {
        message: `Argument '${argumentName}' on InputObject '${inputObjectType}' is required. Expected type ${argumentType}`,
        extensions: { code: 'missingRequiredInputObjectAttribute', argumentName, argumentType, inputObjectType },
      };
    },
  },
];

export function tellStaticError(error: GraphQLError, document: DocumentNode) {
  const found = RULES.map(({ pattern, tell }) => ({ match: pattern.exec(error.message), tell })).find(
    ({ match }) => match,
  );
  const { message, extensions } = found?.match
    ? found.tell(found.match)
    : { message: error.message, extensions: { code: 'argumentLiteralsIncompatible' } };
  const [node] = error.nodes ?? [];
  return { message, locations: error.locations ?? [], path: node ? pathTo(document, node) : [], extensions };
}

/** `["query Name", "products", "nodes"]`: the way to a place in the query. */
function pathTo(document: DocumentNode, wanted: ASTNode): string[] {
  let found: string[] = [];
  const way: string[] = [];
  const nameOf = (node: ASTNode): string | null => {
    if (node.kind === Kind.OPERATION_DEFINITION) return `${node.operation}${node.name ? ` ${node.name.value}` : ''}`;
    if (node.kind === Kind.FRAGMENT_DEFINITION) return `fragment ${node.name.value}`;
    if (node.kind === Kind.INLINE_FRAGMENT) return `... on ${node.typeCondition?.name.value ?? ''}`;
    if (node.kind === Kind.FIELD) return node.alias?.value ?? node.name.value;
    return node.kind === Kind.ARGUMENT ? node.name.value : null;
  };
  visit(document, {
    enter(node) {
      const name = nameOf(node);
      if (name !== null) way.push(name);
      if (node === wanted) found = [...way];
    },
    leave(node) {
      if (nameOf(node) !== null) way.pop();
    },
  });
  return found;
}
