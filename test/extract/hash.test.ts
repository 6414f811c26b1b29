import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/connector/contract.ts';
import { canonicalText, makeHasher } from '../../src/extract/hash.ts';

const CSV = {
  format: 'csv',
  header: ['sku', 'qty'],
  delimiter: ',',
  encoding: 'utf-8',
  file: 'a.csv',
  asOf: '2026-11-21T00:00:00Z',
};

function hashOf(
  parts: readonly (string | Uint8Array)[],
  options: { context?: JsonObject; isJson?: boolean; volatilePaths?: readonly string[] } = {},
): string {
  const hasher = makeHasher({
    ...{ context: CSV, volatileContext: ['file', 'asOf'], isJson: false, volatilePaths: [] },
    ...options,
  });
  const target = new Uint8Array(48).fill(7);
  hasher.write(
    parts.map((part) => Buffer.from(part)),
    target,
    16,
  );
  expect([...target.subarray(0, 16), ...target.subarray(32)].every((byte) => byte === 7)).toBe(true);
  return Buffer.from(target.subarray(16, 32)).toString('hex');
}

describe('content hashes', () => {
  test('are the first half of SHA-256, mixed with the meaning of the context', () => {
    const of = (text: string) => createHash('sha256').update(text).digest().subarray(0, 16);
    const salt = of('{}');
    expect(hashOf(['A,1'], { context: {} })).toBe(
      Buffer.from(of('A,1').map((byte, at) => byte ^ (salt[at] ?? 0))).toString('hex'),
    );
  });

  test('differ by header, delimiter, encoding and placeholders, not by file and time', () => {
    const base = hashOf(['A,1']);
    expect(hashOf(['A,1'], { context: { ...CSV, file: 'b.csv', asOf: '2026-11-22T00:00:00Z' } })).toBe(base);
    for (const changed of [
      { header: ['sku', 'price'] },
      { delimiter: ';' },
      { encoding: 'win1252' },
      { location: 'berlin' },
    ]) {
      expect(hashOf(['A,1'], { context: { ...CSV, ...changed } })).not.toBe(base);
    }
    const { file: _, asOf: __, ...meaning } = CSV;
    expect(hashOf(['A,1'], { context: meaning })).toBe(base);
  });

  test('tell how bytes are spread over parts, and their order', () => {
    const all = [['A1', 'B2'], ['A1B', '2'], ['A1B2'], ['B2', 'A1'], ['A1', 'B2', '']].map((parts) => hashOf(parts));
    expect(new Set(all).size).toBe(all.length);
  });

  test('of JSON ignore key order, white space and volatile paths', () => {
    const json = (text: string, volatilePaths: readonly string[] = []) =>
      hashOf([text], { isJson: true, volatilePaths });
    expect(json('{"a":1,"b":[{"c":2,"d":3}]}')).toBe(json('{ "b": [ {"d":3, "c":2} ], "a": 1 }'));
    expect(json('{"a":1,"x":5}', ['x'])).toBe(json('{"a":1,"x":6}', ['x']));
    expect(json('{"l":[{"c":1,"k":2},{"c":3,"k":4}]}', ['l[].c'])).toBe(
      json('{"l":[{"k":2},{"c":9,"k":4}]}', ['l[].c']),
    );
    expect(json('{"l":[1,2]}')).not.toBe(json('{"l":[2,1]}'));
    expect(json('{"a":null}')).not.toBe(json('{}'));
  });

  test('of JSON tell numbers apart that a double cannot hold', () => {
    const json = (text: string) => hashOf([text], { isJson: true });
    expect(json('{"id":9007199254740993}')).not.toBe(json('{"id":9007199254740992}'));
    expect(json('{"p":0.1000000000000000055}')).not.toBe(json('{"p":0.1}'));
  });

  test('of broken JSON are those of its bytes', () => {
    expect(hashOf(['{"a":'], { isJson: true })).not.toBe(hashOf(['{"b":'], { isJson: true }));
  });

  test('canonical text reads back as the same value', () => {
    const isFree = (value: unknown) => !JSON.stringify(value).includes('__proto__');
    fc.assert(
      fc.property(fc.jsonValue().filter(isFree), (value) => {
        expect(JSON.parse(canonicalText(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });
});
