import { describe, expect, test } from 'vitest';
import { feedBench, problemsOf, readAll, rowsOf } from './support.ts';

async function readFile(content: string | Uint8Array, settings: Record<string, unknown> = {}, pageSize = 1000) {
  using bench = feedBench();
  bench.put('stock.csv', content);
  const source = await bench.open({ files: 'stock.csv', kind: 'snapshot', ...settings });
  const pages = await readAll(source, { pageSize });
  return { rows: rowsOf(pages), problems: problemsOf(pages), complete: pages.some((page) => page.complete), pages };
}

describe('columns', () => {
  test('that the file before had and this one has not are told once, as what they empty', async () => {
    using bench = feedBench();
    const source = await bench.open({ files: 'stock-*.csv', kind: 'snapshot' });
    bench.put('stock-1.csv', 'sku,price,qty\nA,1,1\n');
    bench.put('stock-2.csv', 'qty,sku,Price\n1,A,1\n2,B,1\n');
    bench.put('stock-3.csv', 'sku,qty,Price,new\nA,1,1,\n');
    const pages = await readAll(source, { pageSize: 1 });
    expect(problemsOf(pages)).toEqual([
      'columns that the file before it had are gone: "price"; what is read from them is empty now',
    ]);
    const whole = pages.filter((page) => page.complete).map((page) => page.window.id.split('#')[0]);
    expect([whole, rowsOf(pages).length]).toEqual([['stock-1.csv', 'stock-3.csv'], 4]);
    bench.put('stock-4.csv', 'sku\nA\n');
    const patch = await bench.open({ files: 'stock-*.csv', mode: 'patch' });
    expect(problemsOf(await readAll(patch))).toEqual([]);
  });
});

describe('rows that cannot be read', () => {
  test('a row with too few or too many cells is told by line; the others load, and nothing is proven complete', async () => {
    const { rows, problems, complete } = await readFile('sku,qty\nA,1\nB\nC,3\nD,4,5\nE,5\n');
    expect(rows).toEqual([
      { sku: 'A', qty: '1' },
      { sku: 'C', qty: '3' },
      { sku: 'E', qty: '5' },
    ]);
    expect(problems).toEqual(['line 3: 1 cells where the header has 2', 'line 5: 3 cells where the header has 2']);
    expect(complete).toBe(false);
  });

  test('a quote that is never closed costs its own line only', async () => {
    const { rows, problems } = await readFile('sku,name\nA,x\nB,"broken\nC,y\nD,"z"\n');
    expect(rows).toEqual([
      { sku: 'A', name: 'x' },
      { sku: 'C', name: 'y' },
      { sku: 'D', name: 'z' },
    ]);
    expect(problems).toEqual(['line 3: text behind the closing quote of a cell']);
  });

  test('a file cut inside a quoted cell is told, the rows before it load', async () => {
    const { rows, problems, complete } = await readFile('sku,name\nA,x\nB,"cut he');
    expect(rows).toEqual([{ sku: 'A', name: 'x' }]);
    expect(problems).toEqual(['line 3: a quoted cell is not closed']);
    expect(complete).toBe(false);
  });

  test('a file cut in the middle of a row is told', async () => {
    const { problems } = await readFile('sku,name,qty\nA,x,1\nB,y');
    expect(problems).toEqual(['line 3: 2 cells where the header has 3']);
  });

  test('a cut last cell is told where a final line end is required', async () => {
    expect((await readFile('sku,qty\nA,1\nB,12', { finalNewline: 'required' })).problems[0]).toContain('no line end');
    expect((await readFile('sku,qty\nA,1\nB,125\n', { finalNewline: 'required' })).problems).toEqual([]);
  });

  test('an inch mark in an unquoted cell is told with its remedy, and is a letter with quote: none', async () => {
    const { rows, problems } = await readFile('sku,name\nA,12" pipe\nB,y\n');
    expect(rows).toEqual([{ sku: 'B', name: 'y' }]);
    expect(problems[0]).toContain('quote: none');
    expect((await readFile('sku,name\nA,12" pipe\n', { quote: 'none' })).rows).toEqual([
      { sku: 'A', name: '12" pipe' },
    ]);
  });

  test('a file that is not valid UTF-8 is told with line, column and remedy', async () => {
    const { rows, problems } = await readFile(Buffer.from('sku,name,qty\nA,ok,1\nB,Gr\u00fcn,2\nC,y,3\n', 'latin1'));
    expect(rows).toEqual([
      { sku: 'A', name: 'ok', qty: '1' },
      { sku: 'C', name: 'y', qty: '3' },
    ]);
    expect(problems).toEqual([
      'line 3: column "name" (character 5 of the row) is not valid utf-8; set the file\'s real encoding, such as encoding: win1252',
    ]);
  });

  test('lines are counted through quoted line ends, blank lines and CR LF', async () => {
    const { problems, pages } = await readFile('sku,name\r\nA,"two\r\nlines"\r\n\r\nB,x,y\r\nC,z\r\n');
    expect(problems).toEqual(['line 5: 3 cells where the header has 2']);
    expect(pages.flatMap((page) => page.records.map((record) => record.position))).toEqual([2, 6]);
  });

  test('raw bytes of a row are kept exactly, without the line end', async () => {
    const { pages } = await readFile('sku,name\r\nA, "x" \r\nB,"y ""z"""\r\n', { quote: 'none' });
    expect(pages.flatMap((page) => page.records.map((record) => Buffer.from(record.raw).toString()))).toEqual([
      'A, "x" ',
      'B,"y ""z"""',
    ]);
  });

  test('a thousand bad rows end the reading of a file in the wrong format', async () => {
    const { problems, complete } = await readFile(`a,b\n${'x\n'.repeat(5000)}`, {}, 100);
    expect(problems).toHaveLength(1001);
    expect(problems.at(-1)).toContain('left unread');
    expect(complete).toBe(false);
  });

  test('a quote that swallows megabytes does not', async () => {
    const { rows, problems } = await readFile(`sku,name\nA,"open\n${'B,x\n'.repeat(400_000)}`);
    expect(rows).toHaveLength(400_000);
    expect(problems).toEqual(['line 2: a quoted cell is not closed']);
  });

  test('a page holds no more than some megabytes, however many rows it may have', async () => {
    const row = `,${'x'.repeat(400_000)}\n`;
    const { pages, rows } = await readFile(`sku,photo\n${Array.from({ length: 100 }, (_, at) => at + row).join('')}`);
    expect(rows).toHaveLength(100);
    expect(Math.max(...pages.map((page) => page.records.length))).toBeLessThan(50);
    expect(pages.map((page) => page.complete)).toEqual(pages.map((_, at) => at === pages.length - 1));
  });

  test('a row of megabytes is told and ends the reading', async () => {
    const { problems } = await readFile(`sku,name\nA,${'x'.repeat(3_000_000)}\nB,y\n`);
    expect(problems).toEqual([
      'line 2: a row of more than 1 MiB without a line end; this is no CSV file, or not in the encoding set',
    ]);
  });
});

describe('files that cannot be read at all', () => {
  test.each([
    ['an empty file', '', {}, 'the file is empty'],
    ['UTF-16 without a mark', Buffer.from('sku,qty\nA,1\n', 'utf16le'), {}, 'set encoding: utf-16le'],
    ['a wrong delimiter', 'sku;qty\nA;1,50\n', {}, 'the file seems to use ";" where the delimiter set is ","'],
    ['a column named twice', 'sku,img,img\nA,1,2\n', {}, 'column "img" twice'],
    ['a column without a name', 'sku,,qty\nA,1,2\n', {}, 'column 2 of the header has no name'],
    ['UTF-16 read as UTF-8', Buffer.from('\ufeffsku,qty\nA,1\n', 'utf16le'), {}, 'set encoding: utf-16le'],
    ['CR line ends', 'sku,qty\rA,1\rB,2', {}, 'lines end with CR alone'],
    ['fewer lines than are skipped', 'x\n', { skipLines: 3 }, 'ends within its first 3 lines'],
  ])('%s is a problem, loads nothing and deletes nothing', async (_name, content, settings, message) => {
    const { rows, problems, complete } = await readFile(content, settings);
    expect(rows).toEqual([]);
    expect(problems).toEqual([expect.stringContaining(message)]);
    expect(complete).toBe(false);
  });

  test('a header without rows is an empty snapshot, complete', async () => {
    const { rows, problems, complete } = await readFile('sku,qty\n');
    expect({ rows, problems, complete }).toEqual({ rows: [], problems: [], complete: true });
  });
});

describe('formats', () => {
  test('decimal commas and leading zeros stay as they are', async () => {
    const { rows } = await readFile('sku;price\n007;1,50\n', { delimiter: 'semicolon' });
    expect(rows).toEqual([{ sku: '007', price: '1,50' }]);
  });

  test('a column named __proto__ is a column', async () => {
    const { rows } = await readFile('sku,__proto__\nA,x\n');
    expect(Object.entries(rows[0] as object)).toEqual([
      ['sku', 'A'],
      ['__proto__', 'x'],
    ]);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  test('names can be given where the file has none, and lines before the header skipped', async () => {
    expect((await readFile('A,1\n', { header: ['sku', 'qty'] })).rows).toEqual([{ sku: 'A', qty: '1' }]);
    for (const before of ['TemplateType=x\nLabel,Menge\n', 'Stock "now\r\n\r\n', '\n\n'])
      expect((await readFile(`${before}sku,qty\nA,1\n`, { skipLines: 2 })).rows).toEqual([{ sku: 'A', qty: '1' }]);
  });

  test('a footer is no record, and its count is held against the rows', async () => {
    const settings = { footer: { startsWith: 'TRAILER', count: 2 } };
    const good = await readFile('sku,qty,x\nA,1,\nB,2,\nTRAILER,2\n', settings, 1);
    expect({ rows: good.rows.length, problems: good.problems, complete: good.complete }).toEqual({
      rows: 2,
      problems: [],
      complete: true,
    });
    expect(good.pages[0]?.expected).toBe(2);
    const cut = await readFile('sku,qty,x\nA,1,\nTRAILER,2\n', settings);
    expect(cut.problems).toEqual(['the file says it has 2 rows but has 1; it was probably cut']);
    expect(cut.complete).toBe(false);
    const missing = await readFile('sku,qty,x\nA,1,\nB,2,\n', settings);
    expect(missing.problems[0]).toContain('does not end with a footer starting with "TRAILER"');
    expect(missing.rows).toHaveLength(2);
    expect(missing.complete).toBe(false);
  });
});
