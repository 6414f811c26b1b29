/** Writes a first mapping file for records like the samples: a start for an operator, not a finished mapping. */
import { ENTITIES, type EntityName, type Field, STOCK_FIELDS } from '../canonical/entities.ts';
import type { Json, JsonObject } from '../connector/contract.ts';
import { schemaOfRecords } from './preview.ts';

/** Names vendors use for canonical fields, in plain letters. */
const SYNONYMS: Readonly<Record<string, readonly string[]>> = {
  name: ['title', 'productname', 'producttitle'],
  title: ['name', 'variantname'],
  sku: ['articlenumber', 'itemnumber', 'partnumber', 'variantsku', 'productcode'],
  gtin: ['ean', 'upc', 'barcode', 'isbn', 'ean13', 'variantbarcode'],
  description: ['body', 'bodyhtml', 'longdescription', 'text'],
  brand: ['vendor', 'manufacturer', 'maker'],
  kind: ['type', 'producttype'],
  price: ['regularprice', 'unitprice', 'variantprice', 'amount'],
  categories: ['category', 'categorypath'],
  images: ['image', 'imageurl', 'imagesrc'],
  weight_grams: ['weight', 'weightg', 'weightgrams', 'grams'],
  quantity: ['qty', 'stock', 'onhand', 'inventory', 'available'],
  location: ['warehouse', 'store', 'locationcode'],
  as_of: ['asof', 'countedat', 'updatedat'],
  code: ['id', 'locationcode', 'warehouse'],
  email: ['mail', 'emailaddress'],
  first_name: ['firstname', 'givenname'],
  last_name: ['lastname', 'surname', 'familyname'],
  phone: ['telephone', 'mobile', 'phonenumber'],
  number: ['ordernumber', 'orderid', 'name'],
  total: ['totalprice', 'grandtotal', 'amount'],
  placed_at: ['createdat', 'orderdate', 'date'],
};

const THROUGH: Readonly<Record<Field['type'], string>> = {
  text: ' | trim',
  integer: ' | integer',
  decimal: ' | decimal',
  boolean: ' | boolean',
  timestamp: ' | timestamp("UTC")',
  date: ' | date',
  json: '',
  list: ' | split(",")',
  reference: '',
};

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** YAML that needs quotes gets them. */
const scalar = (text: string): string =>
  /^[\s@`"'%&*!|>{}[\],#?-]|: | #|:$/.test(text) ? `'${text.replaceAll("'", "''")}'` : text;

/** Columns (or paths) of the samples; lists are left out. */
function columnsOf(records: readonly Json[]): readonly string[] {
  return schemaOfRecords(records)
    .fields.filter((field) => !field.path.includes('[]'))
    .map((field) => field.path);
}

function sourceOf(field: string, columns: readonly string[]): string | undefined {
  const wanted = [plain(field), ...(SYNONYMS[field] ?? [])];
  for (const name of wanted) {
    const found = columns.find((column) => plain(column) === name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `12,50` or `1.234,5`; `1,234` may be thousands. */
const WITH_COMMA = /^\s*-?\d+(\.\d{3})*,(\d{1,2}|\d{4,})\s*$/;
const WITH_POINT = /^\s*-?\d+(,\d{3})*\.\d+\s*$/;

/** The decimal sign that the samples of a column show. */
function decimalIn(column: string, records: readonly Json[]): string {
  const texts = records.map((record) => String((record as JsonObject | null)?.[column] ?? ''));
  const isComma = texts.some((text) => WITH_COMMA.test(text)) && !texts.some((text) => WITH_POINT.test(text));
  return isComma ? ' | decimal(",")' : THROUGH.decimal;
}

function ruleFor(name: string, field: Field, column: string, records: readonly Json[]): string {
  const ending = field.required ? ' | required' : '';
  const through =
    name === 'gtin'
      ? ' | gtin'
      : name === 'email'
        ? ' | email'
        : name === 'currency'
          ? ' | currency'
          : field.type === 'decimal'
            ? decimalIn(column, records)
            : THROUGH[field.type];
  return scalar(`${column}${through}${ending}`);
}

/**
 * The text of a first mapping file.
 * @param records decoded samples; `[{column: ''}]` when only the columns are known
 * @param entity what each record becomes
 */
export function newMapping(records: readonly Json[], entity: EntityName | 'stock'): string {
  const columns = columnsOf(records);
  const fields: Readonly<Record<string, Field>> = entity === 'stock' ? STOCK_FIELDS : ENTITIES[entity].fields;
  const isFlat = records.every((record) => isFlatRow(record));
  const lines: string[] = [`about: ${entity === 'stock' ? 'Stock' : ENTITIES[entity].about}`, ''];
  if (isFlat) lines.push('columns:', ...columns.map((column) => `  - ${scalar(column)}`), '');
  const keys = ['id', 'sku', 'handle', 'code', 'number', 'email'].flatMap((name) => sourceOf(name, columns) ?? []);
  // A key that some sample does not have would reject it.
  const key = keys.find((column) => isFilled(column, records)) ?? keys[0] ?? columns[0] ?? 'id';
  const version = ['updated_at', 'modified_at', 'as_of']
    .map((name) => sourceOf(name, columns))
    .find((found) => found !== undefined);
  lines.push('record:', `  key: ${scalar(key)}`);
  if (version !== undefined) lines.push(`  version: ${scalar(`${version} | timestamp("UTC")`)}`);
  lines.push('', 'outputs:', `  ${entity}:`);
  const taken = new Map<string, string>(
    Object.entries(fields).flatMap(([name, field]) => {
      const column = field.type === 'reference' || field.type === 'json' ? undefined : sourceOf(name, columns);
      return column === undefined ? [] : [[name, ruleFor(name, field, column, records)] as const];
    }),
  );
  // An output without any field would say nothing: one is filled for the operator to correct.
  const guess = Object.keys(fields).find((name) => fields[name]?.type === 'text');
  if (taken.size === 0 && guess !== undefined && entity !== 'stock')
    taken.set(guess, `${scalar(`${columns[0] ?? 'id'} | trim`)}  # choose the right column`);
  const matchable = [...taken.keys()].filter((name) => fields[name]?.match !== undefined);
  if (matchable.length > 0) lines.push(`    match: [${matchable.join(', ')}]`);
  lines.push('    fields:');
  if (entity === 'stock')
    lines.push(`      variant: {match: sku, from: ${scalar(`${sourceOf('sku', columns) ?? key} | trim | required`)}}`);
  for (const [name, field] of Object.entries(fields)) {
    const rule = taken.get(name);
    if (rule !== undefined) lines.push(`      ${name}: ${rule}`);
    else if (field.required && field.type !== 'reference')
      lines.push(
        `      ${name}: ${scalar(`${columns[0] ?? 'id'}${THROUGH[field.type]} | required`)}  # choose the right column`,
      );
    else if (entity !== 'stock' || field.type !== 'reference') lines.push(`      # ${name}: ${field.about}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Whether every sample has something in that column. */
function isFilled(column: string, records: readonly Json[]): boolean {
  return records.every((record) => String((record as JsonObject | null)?.[column] ?? '').trim() !== '');
}

function isFlatRow(record: Json): boolean {
  const isObject = (value: Json): value is JsonObject =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject(record) && Object.values(record).every((value) => typeof value !== 'object' || value === null);
}
