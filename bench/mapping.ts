/** How fast compiled mappings are, against a mapper written by hand and against JSONata, in one process, taken in turns. */
import { deepStrictEqual } from 'node:assert';
import { join } from 'node:path';
import jsonata from 'jsonata';
import { isDecimal } from '../src/canonical/decimal.ts';
import { currencyCode } from '../src/canonical/money.ts';
import { gtinDigits, normaliseGtin, normaliseSku } from '../src/canonical/normalise.ts';
import { isStorable } from '../src/canonical/text.ts';
import { parseTimestamp } from '../src/canonical/time.ts';
import { loadMapping } from '../src/mapping/load.ts';
import type { MapContext, MapResult, MatchKey, RecordProblem, Values } from '../src/mapping/types.ts';
import { medianOf } from './median.ts';

type Row = Record<string, string>;

const ROWS = 20_000;
const JSONATA_ROWS = 300;
const TURNS = 5;
const WARM_TURNS = 2;
const ROUNDS = 3;
/** Records after which the two that are compared change places. */
const PIECE = 1000;

function makeRows(count: number): Row[] {
  return Array.from({ length: count }, (_, at) => {
    const body = String(400_000_000_000 + at);
    const digits = [...body].reduce((sum, digit, place) => sum + Number(digit) * (place % 2 === 0 ? 1 : 3), 0);
    return {
      sku: `SKU-${at}`,
      name: `Product number ${at}`,
      description: at % 3 === 0 ? '' : `Description of product ${at}, long enough to be one that somebody would write`,
      brand: `Brand ${at % 50}`,
      price: `${at % 1000}.${String(at % 100).padStart(2, '0')}`,
      currency: 'EUR',
      category: at % 2 === 0 ? 'Home > Kitchen > Cups' : 'Home > Kitchen, Sale',
      gtin: body + String((10 - (digits % 10)) % 10),
      weight_g: String(100 + (at % 900)),
      quantity: String(at % 250),
      location: 'main',
      updated_at: `2026-11-${String(1 + (at % 20)).padStart(2, '0')}T10:${String(at % 60).padStart(2, '0')}:00Z`,
    };
  });
}

/** What a careful engineer writes for the same file: the same checks, the same result. */
function mapByHand(row: Row): MapResult {
  const problems: RecordProblem[] = [];
  const text = (field: string, column: string, max: number): string | null => {
    const value = row[column]?.trim() ?? '';
    if (value === '') return null;
    if (!isStorable(value))
      problems.push({
        field,
        pointer: column,
        code: 'bad-text',
        message: 'has a NUL character or half a surrogate pair',
      });
    if (value.length > max)
      problems.push({ field, pointer: column, code: 'too-long', message: `is longer than ${max}` });
    return value;
  };
  const decimal = (field: string, column: string): string | null => {
    const value = row[column]?.trim() ?? '';
    if (value === '') return null;
    if (!isDecimal(value)) problems.push({ field, pointer: column, code: 'not-a-number', message: 'is not a number' });
    return value;
  };
  const sku = text('product.sku', 'sku', 255);
  const name = text('product.name', 'name', 1000);
  if (sku === null)
    problems.push({ field: 'record.key', pointer: 'sku', code: 'key-missing', message: 'the key is empty' });
  if (name === null)
    problems.push({ field: 'product.name', pointer: 'name', code: 'required', message: 'a value is required' });
  const time = parseTimestamp(row['updated_at'] ?? '', 'UTC');
  const categories = categoriesOf(row['category'] ?? '');
  if (categories?.some((path) => !isStorable(path)))
    problems.push({
      field: 'product.categories',
      pointer: 'category',
      code: 'bad-text',
      message: 'has a NUL character or half a surrogate pair',
    });
  const asOf = time === 'unreadable' || time === 'impossible' || time === 'zone-missing' ? null : Date.parse(time);
  const price = decimal('product.price', 'price');
  const currencyText = row['currency'] ?? '';
  const currency = currencyText === '' ? null : currencyCode(currencyText);
  const product: Values = {
    sku,
    name,
    description: text('product.description', 'description', 10_000_000),
    brand: text('product.brand', 'brand', 255),
    price,
    currency,
    categories,
  };
  const gtinText = row['gtin'] ?? '';
  const gtin = gtinText === '' ? null : gtinDigits(gtinText);
  if (gtinText !== '' && gtin === null)
    problems.push({ field: 'variant.gtin', pointer: 'gtin', code: 'bad-gtin', message: 'is no GTIN' });
  const variant: Values = {
    product: { kind: 'output', key: 'product' },
    sku,
    gtin,
    title: name,
    price,
    currency,
    weight_grams: decimal('variant.weight_grams', 'weight_g'),
  };
  const quantity = Number(row['quantity']);
  if (!Number.isSafeInteger(quantity))
    problems.push({
      field: 'stock.quantity',
      pointer: 'quantity',
      code: 'not-whole',
      message: 'is not a whole number',
    });
  if (problems.length > 0) return { kind: 'rejected', id: sku, version: asOf, problems };
  const bySku: MatchKey[] = sku === null ? [] : [{ field: 'sku', value: normaliseSku(sku) }];
  const byGtin: MatchKey[] = gtin === null ? [] : [{ field: 'gtin', value: normaliseGtin(gtin) }];
  return {
    kind: 'mapped',
    id: sku === null ? null : sku.normalize('NFC'),
    version: asOf,
    entities: [
      { key: 'product', entity: 'product', match: bySku, values: product },
      { key: 'variant', entity: 'variant', match: [...bySku, ...byGtin], values: variant },
    ],
    stock: [
      {
        key: 'stock',
        entity: 'stock',
        variant: { kind: 'output', key: 'variant' },
        location: text('stock.location', 'location', 255) ?? 'default',
        quantity,
        asOf,
      },
    ],
  };
}

function categoriesOf(text: string): string[] | null {
  if (text === '') return null;
  const paths = text.split(',').map((path) =>
    path
      .split('>')
      .map((level) => level.trim())
      .filter((level) => level !== '')
      .join(' > '),
  );
  return paths.filter((path) => path !== '');
}

/** The same table in JSONata, without the checks that it cannot make. */
const JSONATA = `{
  "id": $trim(sku), "version": $toMillis(updated_at),
  "entities": [
    { "key": "product", "entity": "product", "match": [{ "field": "sku", "value": $lowercase($trim(sku)) }],
      "values": { "sku": $trim(sku), "name": $trim(name), "description": description, "brand": $trim(brand), "price": price, "currency": $uppercase(currency), "categories": [$split(category, ",").$trim()] } },
    { "key": "variant", "entity": "variant", "match": [{ "field": "sku", "value": $lowercase($trim(sku)) }, { "field": "gtin", "value": $pad(gtin, -14, "0") }],
      "values": { "product": { "kind": "output", "key": "product" }, "sku": $trim(sku), "gtin": gtin, "title": $trim(name), "price": price, "currency": $uppercase(currency), "weight_grams": weight_g } }
  ],
  "stock": [{ "key": "stock", "variant": { "kind": "output", "key": "variant" }, "location": $trim(location), "quantity": $number(quantity), "asOf": $toMillis(updated_at) }]
}`;

/** Microseconds of processor time this thread has used: other programs on the machine do not count. */
function spentMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

/** Processor time for some rows, several times over. */
function spentOn(rows: readonly Row[], map: (row: Row) => void): number {
  const started = spentMicros();
  for (let round = 0; round < ROUNDS; round += 1) for (const row of rows) map(row);
  return spentMicros() - started;
}

/** Records per second of processor time of each way, medians of five turns, and what the compiled mapping reaches of the others. */
export async function run(): Promise<{
  compiledToHandWritten: number;
  compiledToJsonata: number;
  compiledRecordsPerSecond: number;
  handWrittenRecordsPerSecond: number;
  jsonataRecordsPerSecond: number;
}> {
  const mapping = loadMapping(join(import.meta.dirname, '..', 'mappings', 'products-flat-csv.yaml'));
  const expression = jsonata(JSONATA);
  const rows = makeRows(ROWS);
  const context: MapContext = { page: {}, position: 1 };
  // The comparison is only worth something if both do the same.
  for (const row of rows.slice(0, 1000)) deepStrictEqual(mapping.map(row, context), mapByHand(row));
  let kept = 0;
  const count = (result: MapResult): void => {
    if (result.kind === 'mapped') kept += result.entities.length;
  };
  const own: number[] = [];
  const hand: number[] = [];
  const slow: number[] = [];
  // The first turns warm the code up. Within a turn the two that are close change places all the time: what else the
  // machine does meets both alike.
  for (let turn = -WARM_TURNS; turn < TURNS; turn += 1) {
    const micros = { own: 0, hand: 0 };
    for (let from = 0; from < rows.length; from += PIECE) {
      const piece = rows.slice(from, from + PIECE);
      const compiled = (): void => {
        micros.own += spentOn(piece, (row) => count(mapping.map(row, context)));
      };
      const byHand = (): void => {
        micros.hand += spentOn(piece, (row) => count(mapByHand(row)));
      };
      for (const way of (from / PIECE) % 2 === 0 ? [compiled, byHand] : [byHand, compiled]) way();
    }
    const started = spentMicros();
    for (const row of rows.slice(0, JSONATA_ROWS)) await expression.evaluate(row);
    const jsonataMicros = spentMicros() - started;
    if (turn < 0) continue;
    own.push((ROWS * ROUNDS) / (micros.own / 1e6));
    hand.push((ROWS * ROUNDS) / (micros.hand / 1e6));
    slow.push(JSONATA_ROWS / (jsonataMicros / 1e6));
  }
  if (kept === 0) throw new RangeError('nothing was mapped');
  const ratio = (to: readonly number[]): number => medianOf(own.map((figure, turn) => figure / (to[turn] ?? 1)));
  return {
    compiledToHandWritten: ratio(hand),
    compiledToJsonata: ratio(slow),
    compiledRecordsPerSecond: Math.round(medianOf(own)),
    handWrittenRecordsPerSecond: Math.round(medianOf(hand)),
    jsonataRecordsPerSecond: Math.round(medianOf(slow)),
  };
}
