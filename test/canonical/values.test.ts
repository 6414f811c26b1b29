import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDecimals,
  compareDecimals,
  isDecimal,
  multiplyDecimals,
  normaliseDecimal,
  readDecimal,
  roundDecimal,
} from '../../src/canonical/decimal.ts';
import { parseJson } from '../../src/canonical/json.ts';
import { currencyCode } from '../../src/canonical/money.ts';
import { gtinDigits, normaliseEmail, normaliseGtin, normaliseSku } from '../../src/canonical/normalise.ts';
import { isStorable, isWithin, trimText } from '../../src/canonical/text.ts';
import { dayIn, parseDate, parseTimestamp } from '../../src/canonical/time.ts';
import { parseFormat, readFormatted } from '../../src/canonical/time-format.ts';
import { toGrams } from '../../src/canonical/weight.ts';

const seed = Number(process.env['TEST_SEED'] ?? 20_261_121);
const cents = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
/** An amount of hundredths as a decimal. */
const written = (amount: bigint): string => {
  const digits = (amount < 0n ? -amount : amount).toString().padStart(3, '0');
  return `${amount < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
};

describe(`decimals (TEST_SEED=${seed})`, () => {
  it('add, multiply and compare as whole hundredths do', () => {
    fc.assert(
      fc.property(cents, cents, (a, b) => {
        expect(addDecimals(written(a), written(b))).toBe(written(a + b));
        expect(Math.sign(compareDecimals(written(a), written(b)))).toBe(a < b ? -1 : a > b ? 1 : 0);
        expect(roundDecimal(multiplyDecimals(written(a), written(100n)), 2, 'down')).toBe(written(a));
      }),
      { seed },
    );
  });

  it('are recognised exactly when normalising leaves them as they are', () => {
    const near = fc.stringMatching(/^[-+]?[0-9]{0,4}(\.[0-9]{0,3})?(e[0-9])?$/);
    fc.assert(
      fc.property(near, (text) => {
        expect(isDecimal(text)).toBe(normaliseDecimal(text) === text);
      }),
      { seed },
    );
  });

  it('keep their scale and lose only what says nothing', () => {
    const pairs = [
      ['007.50', '7.50'],
      ['+1', '1'],
      ['-0.0', '0.0'],
      ['.5', '0.5'],
      ['1e3', '1000'],
      ['1.5e-3', '0.0015'],
      ['12,5', null],
      ['', null],
      ['1'.repeat(39), null],
    ] as const;
    for (const [text, expected] of pairs) expect(normaliseDecimal(text), text).toBe(expected);
  });

  it('are read with a decimal comma, and grouping only where it can be nothing else', () => {
    expect(readDecimal('1.234,5', ',')).toBe('1234.5');
    expect(readDecimal('1.23', ',')).toBeNull();
    expect(readDecimal('1 234,50', ',')).toBe('1234.50');
    expect(readDecimal('12,34.5', '.')).toBeNull();
  });

  it('round halves as told', () => {
    expect(['0.5', '1.5', '-0.5', '-1.5'].map((value) => roundDecimal(value, 0, 'half_even'))).toEqual([
      '0',
      '2',
      '0',
      '-2',
    ]);
    expect(['0.5', '1.5', '-0.5'].map((value) => roundDecimal(value, 0, 'half_up'))).toEqual(['1', '2', '-1']);
  });
});

describe('time', () => {
  it('reads every ISO time as Date does', () => {
    const date = fc.date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(date, (moment) => {
        expect(parseTimestamp(moment.toISOString(), null)).toBe(moment.toISOString());
      }),
      { seed },
    );
  });

  it('gives wall time its zone, also around the hours that clocks change', () => {
    expect(parseTimestamp('2026-03-29 01:59', 'Europe/Berlin')).toBe('2026-03-29T00:59:00.000Z');
    expect(parseTimestamp('2026-03-29 02:30', 'Europe/Berlin')).toBe('2026-03-29T01:30:00.000Z');
    expect(parseTimestamp('2026-10-25 02:30', 'Europe/Berlin')).toBe('2026-10-25T00:30:00.000Z');
    expect(parseTimestamp('2026-10-25 03:00', 'Europe/Berlin')).toBe('2026-10-25T02:00:00.000Z');
    expect(parseTimestamp('2026-07-01 00:00', 'Pacific/Auckland')).toBe('2026-06-30T12:00:00.000Z');
  });

  it('says why a text is no time', () => {
    expect(parseTimestamp('2026-11-20 10:00', null)).toBe('zone-missing');
    expect(parseTimestamp('2026-02-30T10:00:00Z', null)).toBe('impossible');
    expect(parseTimestamp('tomorrow', 'UTC')).toBe('unreadable');
    expect(parseDate('2025-02-29')).toBeNull();
    expect(dayIn('2026-11-20T23:30:00.000Z', 'Asia/Tokyo')).toBe('2026-11-21');
  });

  it('knows no year 0 or 10000, and leaves the days that stand for none where they are', () => {
    expect([parseDate('0000-05-12'), parseTimestamp('0000-05-12T00:00:00Z', null)]).toEqual([null, 'impossible']);
    expect(parseTimestamp('0001-01-01T00:00:00+01:00', null)).toBe('impossible');
    expect(parseTimestamp('0001-01-01 00:00', 'Europe/Berlin')).toBe('0001-01-01T00:00:00.000Z');
    expect(dayIn('0001-01-01T00:00:00.000Z', 'America/New_York')).toBe('0001-01-01');
    expect(dayIn('9999-12-31T23:59:59.000Z', 'Europe/Berlin')).toBeNull();
  });

  it('reads formats of vendors', () => {
    const format = parseFormat("d MMM yyyy 'at' h:mm a");
    if (typeof format === 'string') throw new TypeError(format);
    expect(readFormatted('3 Nov 2026 at 12:05 am', format)).toMatchObject({
      year: 2026,
      month: 11,
      day: 3,
      hour: 0,
      minute: 5,
    });
    expect(readFormatted('3 Nov 2026 at 13:05 am', format)).toBeNull();
    expect(parseFormat('dd.MM')).toContain('no year');
  });
});

describe('identifiers, money, weights and text', () => {
  it('meet in one spelling', () => {
    expect(normaliseSku(' Ab-1 ')).toBe('ab-1');
    expect(normaliseGtin('036000291452')).toBe(normaliseGtin('0036000291452'));
    expect(gtinDigits('4006381333932')).toBeNull();
    expect(['00000000', '000000000000', '0000000000000'].map(normaliseGtin)).toEqual(['', '', '']);
    expect(normaliseEmail(' Ann@Example.COM ')).toBe('ann@example.com');
    expect(['ann', 'a@b', 'a b@c.d', 'a@b..c', '@b.c'].map(normaliseEmail)).toEqual(['', '', '', '', '']);
    expect([currencyCode('€'), currencyCode('usd'), currencyCode('$'), currencyCode('XQX')]).toEqual([
      'EUR',
      'USD',
      null,
      null,
    ]);
    expect([toGrams('1.5', 'KG'), toGrams('1', 'oz'), toGrams('1', 'stone')]).toEqual(['1500', '28.349523125', null]);
  });

  it('are only stored when PostgreSQL can keep them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(isStorable(text)).toBe(text.isWellFormed() && !text.includes('\u0000'));
        expect(trimText(text)).toBe(text.trim());
        expect(isWithin(text, 5)).toBe([...text].length <= 5);
      }),
      { seed },
    );
  });

  it('stay what they are in JSON', () => {
    expect(parseJson('{"id":12345678901234567890,"a":0.1000000000000000055,"b":19.9,"c":[7]}')).toEqual({
      id: '12345678901234567890',
      a: '0.1000000000000000055',
      b: 19.9,
      c: [7],
    });
  });
});
