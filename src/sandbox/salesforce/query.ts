/** What a query finds: conditions, order and the fields asked for, with the errors an org gives for wrong ones. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import { ApiError } from './errors.ts';
import { longId } from './ids.ts';
import { fieldNamed, objectNamed, type SfField, type SfObject } from './objects.ts';
import type { Org, Row } from './org.ts';
import type { Condition, Literal, Query } from './soql.ts';

/** The rows a query finds, whole; `all`: the recycle bin as well. @throws ApiError */
export function find(org: Org, query: Query, all: boolean): { object: SfObject; rows: Row[] } {
  const object = objectNamed(query.from);
  if (!object)
    throw new ApiError(
      400,
      'INVALID_TYPE',
      `${pointer(query.text, query.from)}sObject type '${query.from}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names.`,
    );
  for (const path of query.select ?? []) resolve(query, object, path);
  for (const { path } of query.orderBy) resolve(query, object, path);
  const test = query.where === null ? () => true : compile(org, query, object, query.where);
  const rows = org.rows(object, all).filter((row) => test(row));
  if (query.orderBy.length > 0) {
    const keys = query.orderBy.map(({ path, isDescending }) => ({
      field: resolve(query, object, path),
      path,
      isDescending,
    }));
    rows.sort((one, two) => {
      for (const { field, path, isDescending } of keys) {
        const order = compareValues(field, valueAt(org, object, one, path), valueAt(org, object, two, path));
        if (order !== 0) return isDescending ? -order : order;
      }
      return 0;
    });
  }
  const end = query.limit === null ? undefined : query.offset + query.limit;
  return { object, rows: rows.slice(query.offset, end) };
}

/** A row as the REST API shows it: `attributes` first, parents as objects. */
export function shape(org: Org, object: SfObject, row: Row, select: readonly string[], base: string): JsonObject {
  const shown: JsonObject = { attributes: { type: object.name, url: `${base}/sobjects/${object.name}/${row.id}` } };
  for (const path of select) {
    const [first = '', ...rest] = path.split('.');
    if (rest.length === 0) {
      const field = fieldNamed(object, first);
      if (field) shown[field.name] = row.values[field.name] ?? null;
      continue;
    }
    const parent = parentOf(org, object, row, first);
    const before = shown[first];
    const inner = parent && shape(org, parent.object, parent.row, [rest.join('.')], base);
    shown[first] = inner ? { ...(typeof before === 'object' && !Array.isArray(before) ? before : {}), ...inner } : null;
  }
  return shown;
}

/** The value a path leads to; `null` where a parent is missing. */
export function valueAt(org: Org, object: SfObject, row: Row, path: string): Json {
  const [first = '', ...rest] = path.split('.');
  if (rest.length === 0) return row.values[fieldNamed(object, first)?.name ?? ''] ?? null;
  const parent = parentOf(org, object, row, first);
  return parent ? valueAt(org, parent.object, parent.row, rest.join('.')) : null;
}

function parentOf(org: Org, object: SfObject, row: Row, name: string): { object: SfObject; row: Row } | null {
  const reference = fieldNamed(object, `${name}Id`);
  const of = reference?.to ? objectNamed(reference.to) : null;
  const id = reference ? row.values[reference.name] : null;
  const found = of && typeof id === 'string' ? org.row(of, id, true) : null;
  return of && found ? { object: of, row: found } : null;
}

function resolve(query: Query, object: SfObject, path: string): SfField {
  const [first = '', ...rest] = path.split('.');
  if (rest.length === 0) {
    const field = fieldNamed(object, first);
    if (field) return field;
    throw new ApiError(
      400,
      'INVALID_FIELD',
      `${pointer(query.text, path)}No such column '${path}' on entity '${object.name}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.`,
    );
  }
  const reference = fieldNamed(object, `${first}Id`);
  const parent = reference?.to ? objectNamed(reference.to) : null;
  if (parent) return resolve(query, parent, rest.join('.'));
  throw new ApiError(
    400,
    'INVALID_FIELD',
    `${pointer(query.text, path)}Didn't understand relationship '${first}' in field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom relationship name. Please reference your WSDL or the describe call for the appropriate names.`,
  );
}

/** The query with a mark under the word at fault. */
function pointer(text: string, word: string): string {
  const at = Math.max(0, text.lastIndexOf(word));
  return `\n${text}\n${' '.repeat(at)}^\nERROR at Row:1:Column:${at + 1}\n`;
}

function compile(org: Org, query: Query, object: SfObject, condition: Condition): (row: Row) => boolean {
  if (condition.kind === 'not') {
    const inner = compile(org, query, object, condition.of);
    return (row) => !inner(row);
  }
  if (condition.kind === 'and' || condition.kind === 'or') {
    const inner = condition.of.map((one) => compile(org, query, object, one));
    return condition.kind === 'and'
      ? (row) => inner.every((test) => test(row))
      : (row) => inner.some((test) => test(row));
  }
  const field = resolve(query, object, condition.path);
  const read = (row: Row): Json => valueAt(org, object, row, condition.path);
  if (condition.kind === 'in') {
    const wanted = new Set(condition.of.map((literal) => key(field, checkedLiteral(field, literal))));
    return (row) => wanted.has(key(field, read(row))) !== condition.isNot;
  }
  const { operator } = condition;
  const to = checkedLiteral(field, condition.to);
  if (operator === 'LIKE') {
    const pattern = new RegExp(`^${likePattern(String(to ?? ''))}$`, 'isu');
    return (row) => pattern.test(String(read(row) ?? ''));
  }
  return (row) => {
    const value = read(row);
    if (operator === '=') return key(field, value) === key(field, to);
    if (operator === '!=') return key(field, value) !== key(field, to);
    if (value === null || to === null) return false;
    const order = compareValues(field, value, to);
    if (operator === '<') return order < 0;
    if (operator === '<=') return order <= 0;
    return operator === '>' ? order > 0 : order >= 0;
  };
}

const likePattern = (text: string): string =>
  text
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('%', '.*')
    .replaceAll('_', '.');

/** The literal as the field keeps its values. @throws ApiError INVALID_FIELD when the kinds do not fit */
function checkedLiteral(field: SfField, literal: Literal): Json {
  if (literal.kind === 'null') return null;
  const wanted = literalKind(field);
  if (literal.kind !== wanted) throw wrongLiteral(field, wanted, literal);
  if (literal.kind === 'datetime') return new Date(literal.value).toISOString();
  if ((field.type === 'id' || field.type === 'reference') && typeof literal.value === 'string') {
    if (literal.value !== '' && !/^(?:[A-Za-z0-9]{15}|[A-Za-z0-9]{18})$/.test(literal.value))
      throw new ApiError(400, 'INVALID_QUERY_FILTER_OPERATOR', `invalid ID field: ${literal.value}`);
    return longId(literal.value);
  }
  return literal.value;
}

function literalKind(field: SfField): Literal['kind'] {
  if (['int', 'double', 'currency', 'percent'].includes(field.type)) return 'number';
  return field.type === 'boolean' || field.type === 'datetime' || field.type === 'date' ? field.type : 'text';
}

function wrongLiteral(field: SfField, wanted: Literal['kind'], literal: Literal): ApiError {
  const name = wanted === 'datetime' ? 'dateTime' : wanted === 'text' ? 'string' : wanted;
  const how =
    literal.kind === 'text'
      ? ' and should not be enclosed in quotes'
      : wanted === 'text'
        ? ' and should be enclosed in quotes'
        : '';
  return new ApiError(
    400,
    'INVALID_FIELD',
    `value of filter criterion for field '${field.name}' must be of type ${name}${how}`,
  );
}

// Texts are equal whatever their case; ids are not. Empty text and nothing are the same.
function key(field: SfField, value: Json): string | number | boolean {
  if (value === null || value === '') return '';
  if (field.type === 'datetime') return Date.parse(String(value));
  if (field.type === 'id' || field.type === 'reference') return String(value);
  return typeof value === 'string' ? value.toLowerCase() : typeof value === 'object' ? '' : value;
}

function compareValues(field: SfField, one: Json, two: Json): number {
  if (one === null || two === null) return one === two ? 0 : one === null ? -1 : 1;
  const [a, b] = [key(field, one), key(field, two)];
  return a < b ? -1 : a > b ? 1 : 0;
}
