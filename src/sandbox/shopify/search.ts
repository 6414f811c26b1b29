/**
 * Shopify's search syntax as far as shops are searched here: `field:value`, comparators, quotes, commas, AND, OR, NOT, brackets.
 * A field that a list does not know is **ignored**, with a warning beside the answer.
 */

type FieldKind = 'time' | 'day' | 'id' | 'text';
export type SearchField<T> = { readonly kind: FieldKind; of(row: T): readonly (string | number | null)[] };
export type SearchFields<T> = Readonly<Record<string, SearchField<T>>>;

export type SearchWarning = { readonly field: string; readonly message: string; readonly code: string };
export type Search<T> = {
  matches(row: T): boolean;
  readonly warnings: readonly SearchWarning[];
  /** As the answer tells it: terms as they were understood. */
  readonly parsed: unknown;
};

type Term = { readonly field: string; readonly comparator: string; readonly values: readonly string[] };
type Node =
  | { readonly kind: 'term'; readonly term: Term }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'and'; readonly of: readonly Node[] }
  | { readonly kind: 'or'; readonly of: readonly Node[] };

const DAY_MS = 86_400_000;

export function compileSearch<T>(query: string, fields: SearchFields<T>, now: number): Search<T> {
  const tokens = tokensOf(query);
  const warnings: SearchWarning[] = [];
  const tree = parseAny(tokens, () => tokens.shift());
  const evaluate = (node: Node, row: T): boolean => {
    if (node.kind === 'not') return !evaluate(node.of, row);
    if (node.kind === 'and') return node.of.every((one) => evaluate(one, row));
    if (node.kind === 'or') return node.of.some((one) => evaluate(one, row));
    const field = fields[node.term.field];
    return field === undefined || field.of(row).some((value) => holds(field.kind, value, node.term, now));
  };
  for (const { field } of termsOf(tree)) {
    if (field === '') warnings.push({ field: 'default', ...UNNAMED });
    else if (!(field in fields)) warnings.push({ field, ...UNKNOWN });
  }
  return { matches: (row) => evaluate(tree, row), warnings, parsed: tell(tree) };
}

const UNNAMED = { message: 'Input must use named search fields in this query.', code: 'missing_named_field' };
const UNKNOWN = { message: 'Invalid search field for this query.', code: 'invalid_field' };

function tokensOf(query: string): string[] {
  const found = query.match(/\(|\)|-?[\w.]+:(?:[<>]=?)?(?:'[^']*'|"[^"]*"|[^\s()]+)|"[^"]*"|'[^']*'|[^\s()]+/g);
  return [...(found ?? [])];
}

function parseAny(tokens: readonly string[], take: () => string | undefined): Node {
  const either: Node[] = [];
  let all: Node[] = [];
  for (let token = tokens[0]; token !== undefined && token !== ')'; token = tokens[0]) {
    take();
    if (token === 'OR') {
      either.push({ kind: 'and', of: all });
      all = [];
    } else if (token !== 'AND') all.push(parseOne(token, tokens, take));
  }
  return either.length === 0 ? { kind: 'and', of: all } : { kind: 'or', of: [...either, { kind: 'and', of: all }] };
}

function parseOne(token: string, tokens: readonly string[], take: () => string | undefined): Node {
  if (token === 'NOT') return { kind: 'not', of: parseOne(take() ?? '', tokens, take) };
  if (token === '(') {
    const inner = parseAny(tokens, take);
    take();
    return inner;
  }
  const [, minus, field, comparator, text] = /^(-?)([\w.]+):([<>]=?)?(.*)$/s.exec(token) ?? [];
  if (field === undefined || text === undefined)
    return { kind: 'term', term: { field: '', comparator: '', values: [unquoted(token)] } };
  const values = /^['"]/.test(text) ? [unquoted(text)] : text.split(',');
  const term: Node = { kind: 'term', term: { field, comparator: comparator ?? '', values } };
  return minus === '-' ? { kind: 'not', of: term } : term;
}

const unquoted = (text: string): string => text.replace(/^(['"])(.*)\1$/s, '$2');

function termsOf(node: Node): Term[] {
  if (node.kind === 'term') return [node.term];
  return node.kind === 'not' ? termsOf(node.of) : node.of.flatMap(termsOf);
}

function holds(kind: FieldKind, value: string | number | null, { comparator, values }: Term, now: number): boolean {
  return values.some((wanted) => {
    if (value === null) return false;
    if (kind === 'text') return matchesText(String(value), wanted);
    const limit = kind === 'id' ? Number(/(\d+)$/.exec(wanted)?.[1] ?? Number.NaN) : timeOf(wanted, now);
    return compare(
      kind === 'day' ? dayOf(Number(value)) : Number(value),
      kind === 'day' ? dayOf(limit) : limit,
      comparator,
    );
  });
}

function matchesText(value: string, wanted: string): boolean {
  const [own, other] = [value.toLowerCase(), wanted.toLowerCase()];
  return other.endsWith('*') ? own.startsWith(other.slice(0, -1)) : own === other;
}

const dayOf = (ms: number): number => Math.floor(ms / DAY_MS) * DAY_MS;

function timeOf(text: string, now: number): number {
  if (text === 'now') return now;
  return Date.parse(/^\d{4}$/.test(text) ? `${text}-01-01` : text);
}

function compare(value: number, limit: number, comparator: string): boolean {
  if (comparator === '>') return value > limit;
  if (comparator === '>=') return value >= limit;
  if (comparator === '<') return value < limit;
  if (comparator === '<=') return value <= limit;
  return value === limit;
}

function tell(node: Node): unknown {
  if (node.kind === 'term') {
    const { field, comparator, values } = node.term;
    const word = { '>': 'range_gt', '>=': 'range_gte', '<': 'range_lt', '<=': 'range_lte' }[comparator] ?? 'match_all';
    return { field: field === '' ? 'default' : field, [word]: values.join(',') };
  }
  if (node.kind === 'not') return { not: tell(node.of) };
  const [only] = node.of;
  return node.of.length === 1 && only ? tell(only) : { [node.kind]: node.of.map(tell) };
}
