import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { KnownRecords, LikelyIds } from '../../src/extract/known.ts';

const hashOf = (number: number) => createHash('md5').update(String(number)).digest();
/** Hashes that all want the same slots, so that they push each other on. */
const crowded = (number: number) => Buffer.from([...[0xff, 3, 0, 0], ...Array(8).fill(0), number, 0, 0, 0]);

test('finds what was added and nothing else, with numbers beyond 32 bits and flags', () => {
  const known = new KnownRecords();
  known.add(hashOf(1), 2 ** 40 + 5, 255);
  known.add(hashOf(2).toString('hex'), 7);
  expect(known.find(hashOf(1))).toEqual({ no: 2 ** 40 + 5, flags: 255 });
  expect(known.find(hashOf(2))).toEqual({ no: 7, flags: 0 });
  expect(known.find(hashOf(3))).toBeNull();
  expect(() => known.add(hashOf(4), 0)).toThrow(RangeError);
  expect(() => known.add(new Uint8Array(8), 1)).toThrow(RangeError);
});

test('behaves as a Map does, through growing, forgetting and crowding', () => {
  const step = fc.record({
    act: fc.constantFrom('add', 'add', 'forget', 'find'),
    key: fc.integer({ min: 0, max: 40 }),
    no: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.boolean(), (steps, isCrowded) => {
      const known = new KnownRecords();
      const model = new Map<number, number>();
      const hash = isCrowded ? crowded : hashOf;
      for (const { act, key, no } of steps) {
        if (act === 'add') {
          known.add(hash(key), no);
          model.set(key, no);
        } else if (act === 'forget') {
          known.forget(hash(key), no);
          if (model.get(key) === no) model.delete(key);
        }
        expect(known.find(hash(key))?.no).toBe(model.get(key));
      }
      for (let key = 0; key <= 40; key++) expect(known.find(hash(key))?.no).toBe(model.get(key));
      expect(known.size).toBe(model.size);
    }),
  );
});

test('holds hundreds of thousands', () => {
  const known = new KnownRecords();
  for (let no = 1; no <= 200_000; no++) known.add(hashOf(no), no, no % 256);
  expect(known.size).toBe(200_000);
  for (let no = 1; no <= 200_000; no += 97) expect(known.find(hashOf(no))).toEqual({ no, flags: no % 256 });
});

test('knows every id it was told, and hardly any other', () => {
  const ids = new LikelyIds();
  expect(ids.mayHave('')).toBe(false);
  for (let no = 0; no < 100_000; no++) ids.add(`SKU-${no}`);
  ids.add('');
  ids.add('ключ');
  for (let no = 0; no < 100_000; no++) expect(ids.mayHave(`SKU-${no}`)).toBe(true);
  expect(ids.mayHave('') && ids.mayHave('ключ')).toBe(true);
  // Of 100,000 others in 2^32 places, 2.3 meet one by chance.
  let wrong = 0;
  for (let no = 100_000; no < 200_000; no++) if (ids.mayHave(`SKU-${no}`)) wrong++;
  expect(wrong).toBeLessThan(40);
});
