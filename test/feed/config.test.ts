import { describe, expect, test } from 'vitest';
import { parseAsOf } from '../../connectors/feed/as-of.ts';
import feed from '../../connectors/feed/index.ts';
import { compareNames, compilePattern, numberIn, patternProblem } from '../../connectors/feed/patterns.ts';

const problemsOf = (
  stream: Record<string, unknown>,
  connection: Record<string, unknown> = { path: 'feeds' },
): string[] => {
  const parsed = feed.config.safeParse({ ...connection, streams: { stock: { files: 'a.csv', ...stream } } });
  return parsed.success ? [] : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
};

describe('settings', () => {
  test.each([
    [{ seperator: ';' }, 'seperator'],
    [{ files: '../a.csv' }, 'without / or'],
    [{ files: 'a-{}.csv' }, 'is no placeholder'],
    [{ files: 'a-{header}.csv' }, 'reserved'],
    [{ files: 'a-{b}{c}.csv' }, 'without anything between'],
    [{ delimiter: ';;' }, 'one ASCII character'],
    [{ delimiter: '"' }, 'must differ from the delimiter'],
    [{ delimiter: '|', encoding: 'shift_jis' }, 'convert the file to utf-8'],
    [{ encoding: 'klingon' }, 'is not known'],
    [{ encoding: 'utf-7' }, 'is not known'],
    [{ header: ['a', 'a'] }, 'names a column twice'],
    [{ asOf: 'yyyyMMdd' }, 'needs both'],
    [{ files: 'a-{asOf}.csv' }, 'needs both'],
    [
      {
        asOf: 'yyyyMMdd',
        files: [
          { pattern: 'full.csv', kind: 'snapshot' },
          { pattern: 'delta-{asOf}.csv', kind: 'delta' },
        ],
      },
      'needs both',
    ],
    [{ files: 'a-{asOf}.csv', asOf: 'yyyy', asOfTimezone: 'Berlin' }, 'is no time zone'],
    [{ scope: '{place}' }, '{place} is not in the file pattern'],
    [{ archive: '../done' }, 'a folder below'],
    [{ archive: '/done' }, 'a folder below'],
    [
      {
        order: 'name',
        files: [
          { pattern: 'a*', kind: 'delta' },
          { pattern: 'b*', kind: 'snapshot' },
        ],
      },
      'no common order',
    ],
  ])('%o is refused in words', (stream, message) => {
    expect(problemsOf(stream)).toEqual([expect.stringContaining(message)]);
  });

  test('a connection is a folder or a server, with one way to log in and a whole fingerprint', () => {
    const sftp = { host: 'h', username: 'u', password: 'p' };
    expect(problemsOf({}, {})).toEqual([expect.stringContaining('either path')]);
    expect(problemsOf({}, { path: 'x', sftp })).toEqual([expect.stringContaining('either path')]);
    expect(problemsOf({}, { sftp: { ...sftp, privateKey: 'k' } })).toEqual([expect.stringContaining('exactly one')]);
    expect(problemsOf({}, { sftp: { ...sftp, hostKey: 'SHA256:abc' } })).toEqual([
      expect.stringContaining('fingerprint'),
    ]);
    expect(problemsOf({}, { sftp })).toEqual([]);
  });
});

describe('file names', () => {
  test.each([
    ['stock-*.csv', 'stock-1.csv', {}],
    ['stock-*.csv', 'stock-.csv', {}],
    ['stock-*.csv', 'stock-1.csv.part', null],
    ['stock-?.csv', 'stock-12.csv', null],
    ['*.csv', '.hidden.csv', null],
    ['.*.csv', '.hidden.csv', {}],
    ['a.csv', 'abcsv', null],
    ['s-{place}-*.csv', 's-new-york-2.csv', { place: 'new' }],
    ['s_{place}_{day}.csv', 's_a_b.csv', { place: 'a', day: 'b' }],
    ['s-{place}.csv', 's-.csv', null],
    ['(a+)[b].csv', '(a+)[b].csv', {}],
  ])('%s and %s', (pattern, name, expected) => {
    expect(patternProblem(pattern)).toBeNull();
    expect(compilePattern(pattern).match(name)).toEqual(expected);
  });

  test('are ordered as people order them', () => {
    const names = ['a10', 'a9', 'b1', 'a9b', 'a09', 'a', 'a99999999999999999998', 'a99999999999999999999'];
    expect(names.sort(compareNames)).toEqual([
      'a',
      'a09',
      'a9',
      'a9b',
      'a10',
      'a99999999999999999998',
      'a99999999999999999999',
      'b1',
    ]);
    expect(['x-2026-7.csv', 'y7', 'none.mp3'].map(numberIn)).toEqual([7n, 7n, -1n]);
  });
});

describe('dates in names', () => {
  test.each([
    ['20261120', 'yyyyMMdd', 'UTC', '2026-11-20T00:00:00.000Z'],
    ['2026-11-20_235959', 'yyyy-MM-dd_HHmmss', 'UTC', '2026-11-20T23:59:59.000Z'],
    ['20.11.2026 0130', 'dd.MM.yyyy HHmm', 'Europe/Berlin', '2026-11-20T00:30:00.000Z'],
    ['202607010000', 'yyyyMMddHHmm', 'America/New_York', '2026-07-01T04:00:00.000Z'],
    ['1795219200', 'unix', 'UTC', '2026-11-21T00:00:00.000Z'],
  ])('%s as %s in %s', (text, format, timezone, expected) => {
    expect(new Date(parseAsOf(text, format, timezone)).toISOString()).toBe(expected);
  });

  test.each([
    ['20260231', 'yyyyMMdd'],
    ['2026112', 'yyyyMMdd'],
    ['20261120x', 'yyyyMMdd'],
    ['2026112099', 'yyyyMMddHH'],
    ['2026.11', 'yyyy-MM'],
  ])('%s is no %s', (text, format) => {
    expect(parseAsOf(text, format, 'UTC')).toBeNaN();
  });
});
