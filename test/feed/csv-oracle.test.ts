import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { streamSettings } from '../../connectors/feed/config.ts';
import { csv } from '../../connectors/feed/formats/csv.ts';
import { type Batch, FILE_START, type Input } from '../../connectors/feed/formats/format.ts';

const delimiter = fc.constantFrom(',', ';', '\t', '|');
const lineEnd = fc.constantFrom('\n', '\r\n');
const alphabet = fc.constantFrom(
  'a',
  'B',
  '7',
  '"',
  ',',
  ';',
  '\t',
  '|',
  '\n',
  '\r\n',
  ' ',
  'ü',
  '€',
  '漢',
  '😀',
  '__proto__',
  "'",
);
const cell = fc.array(alphabet, { maxLength: 6 }).map((pieces) => pieces.join(''));
const table = fc
  .tuple(
    fc.uniqueArray(fc.constantFrom('sku', 'qty', '__proto__', 'a b', 'name "x"', 'constructor', 'é'), {
      minLength: 2,
      maxLength: 6,
    }),
    fc.array(fc.array(cell, { minLength: 6, maxLength: 6 }), { maxLength: 8 }),
  )
  .map(([header, rows]) => [header, ...rows.map((row) => row.slice(0, header.length))]);

test('reads generated files as csv-parse does, whatever the pieces they come in', async () => {
  const cases = fc.record({
    table,
    delimiter,
    lineEnd,
    quoteAll: fc.boolean(),
    endsWithLine: fc.boolean(),
    piece: fc.integer({ min: 1, max: 40 }),
    pageSize: fc.integer({ min: 1, max: 5 }),
  });
  await fc.assert(
    fc.asyncProperty(
      cases,
      async ({ table: rows, delimiter: mark, lineEnd: end, quoteAll, endsWithLine, piece, pageSize }) => {
        const text =
          rows.map((row) => row.map((value) => written(value, { mark, quoteAll })).join(mark)).join(end) +
          (endsWithLine ? end : '');
        const wanted = parse(text, {
          delimiter: mark,
          columns: true,
          skip_empty_lines: true,
          record_delimiter: ['\r\n', '\n'],
          bom: true,
        });
        const batches = await readText(Buffer.from(text), { delimiter: mark }, { piece, pageSize });
        expect(batches.flatMap((batch) => batch.problems)).toEqual([]);
        expect(decoded(batches).map(entries)).toEqual(wanted.map(entries));
      },
    ),
    { numRuns: 1000 },
  );
});

test('goes on from any batch with the same rows as reading on', async () => {
  await fc.assert(
    fc.asyncProperty(table, fc.integer({ min: 1, max: 3 }), async (rows, pageSize) => {
      const bytes = Buffer.from(
        rows.map((row) => row.map((value) => written(value, { mark: ',', quoteAll: false })).join(',')).join('\n'),
      );
      const all = await readText(bytes, {}, { piece: 7, pageSize });
      for (const [at, batch] of all.entries()) {
        if (batch.end) continue;
        const rest = await readText(bytes, {}, { piece: 1000, pageSize, from: batch });
        expect(decoded(rest)).toEqual(decoded(all.slice(at + 1)));
      }
    }),
    { numRuns: 200 },
  );
});

test('reads UTF-16 with and without a mark, and code pages', async () => {
  const text = 'sku,name\nA1,"Grün, 5 €"\nB2,漢字\n';
  for (const mark of ['', '\ufeff']) {
    const little = Buffer.from(mark + text, 'utf16le');
    const big = Buffer.from(little).swap16();
    for (const [bytes, encoding] of [
      [little, 'utf-16le'],
      [big, 'utf-16be'],
      [Buffer.from(mark + text), 'utf-8'],
    ] as const) {
      expect(decoded(await readText(bytes, { encoding }, { piece: 3, pageSize: 1 }))).toEqual([
        { sku: 'A1', name: 'Grün, 5 €' },
        { sku: 'B2', name: '漢字' },
      ]);
    }
  }
  const latin = Buffer.from([...Buffer.from('sku,price\nA1,5 '), 0x80, 10]);
  expect(decoded(await readText(latin, { encoding: 'win1252' }))).toEqual([{ sku: 'A1', price: '5 €' }]);
});

function written(value: string, { mark, quoteAll }: { mark: string; quoteAll: boolean }): string {
  return quoteAll || value === '' || /["\r\n]/.test(value) || value.includes(mark)
    ? `"${value.replaceAll('"', '""')}"`
    : value;
}

type Reading = { piece?: number; pageSize?: number; from?: Batch };

async function readText(
  bytes: Buffer,
  settings: Record<string, unknown>,
  { piece = 64, pageSize = 100, from }: Reading = {},
): Promise<Batch[]> {
  const input: Input = {
    ...{ name: 'f.csv', size: bytes.length },
    async *bytes(start, end) {
      for (let at = start; at < end; at += piece) yield Uint8Array.from(bytes.subarray(at, Math.min(end, at + piece)));
    },
  };
  const batches: Batch[] = [];
  const options = {
    settings: streamSettings.parse({ files: 'f.csv', ...settings }),
    about: {},
    columnsBefore: [],
    pageSize,
    signal: new AbortController().signal,
  };
  for await (const batch of csv.read({ ...options, input, from: from?.place ?? FILE_START })) batches.push(batch);
  return batches;
}

function decoded(batches: readonly Batch[]): object[] {
  return batches.flatMap((batch) =>
    batch.records.map((record) => csv.decode([record.raw], batch.place.context ?? {}) as object),
  );
}

// Entries, because `__proto__` is an own key on both sides and toEqual does not look at it.
function entries(row: unknown): [string, unknown][] {
  return Object.entries(row as object);
}
