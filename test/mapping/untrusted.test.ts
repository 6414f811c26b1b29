import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/connector/contract.ts';
import { checkMapping } from '../../src/mapping/check.ts';

function map(rules: string, record: Json): unknown {
  const { mapping, problems } = checkMapping(
    `outputs:\n  product:\n    fields:\n      name: = "n"\n${rules}`,
    'm.yaml',
    null,
  );
  if (mapping === null) return problems.map((problem) => problem.code);
  const result = mapping.map(record, { page: {}, position: 1 });
  return result.kind === 'mapped' ? result.entities[0]?.values : result;
}

describe('a mapping file from a stranger', () => {
  it('reads own properties only', () => {
    for (const name of [
      'constructor',
      '__proto__',
      'toString',
      'constructor.name',
      '__proto__.polluted',
      'a.constructor.name',
      'a.length',
    ]) {
      expect(map(`      brand: ${name}\n`, { a: 'text' }), name).toEqual({ name: 'n' });
    }
    expect(map('      brand: __proto__\n', JSON.parse('{"__proto__": "own"}'))).toEqual({ name: 'n', brand: 'own' });
  });

  it('cannot write into prototypes', () => {
    const rules = '      metadata: {each: list, key: k, value: v}\n';
    map(rules, JSON.parse('{"list":[{"k":"__proto__","v":{"polluted":1}}]}'));
    expect('polluted' in {}).toBe(false);
    expect(JSON.stringify(map(rules, JSON.parse('{"list":[{"k":"__proto__","v":1}]}')))).toBe(
      '{"name":"n","metadata":{"__proto__":1}}',
    );
  });

  it('cannot bring code in, whatever names, texts and tables contain', () => {
    const evil = '"]; globalThis.hacked = true; //';
    const texts = [evil, '\u2028', `\`\${globalThis.hacked = true}\``, "'+(globalThis.hacked=true)+'", '*/', '\\'];
    for (const text of texts) {
      const quoted = JSON.stringify(text);
      const file = `tables:\n  t: {values: {${quoted}: ${quoted}}, otherwise: keep}\nrecord:\n  skip: [{when: "a is not empty", reason: ${quoted}}]\noutputs:\n  ${quoted}:\n    entity: product\n    fields:\n      name: {const: ${quoted}}\n      brand: {from: ${JSON.stringify(`\`${text.replaceAll('`', '')}\` | lookup(t)`)}}\n      metadata: {object: {${quoted}: b}}\n`;
      checkMapping(file, 'm.yaml', null).mapping?.map({ b: text }, { page: {}, position: 1 });
      expect('hacked' in globalThis, text).toBe(false);
    }
  });

  it('cannot make a regular expression run away', () => {
    const start = performance.now();
    map('      brand: a | match("^(a+)+$")\n', { a: `${'a'.repeat(5000)}!` });
    expect(performance.now() - start).toBeLessThan(2000);
  });

  it('cannot make JSONata run away, and the next evaluation works', () => {
    const endless = '      metadata: {jsonata: "($f := function($x) { $f($x + 1) }; $f(1))"}\n';
    expect(map(endless, {})).toMatchObject({ kind: 'rejected', problems: [{ code: 'jsonata' }] });
    expect(map('      metadata: {jsonata: "{\\"sum\\": $sum(list)}"}\n', { list: [1, 2] })).toEqual({
      name: 'n',
      metadata: { sum: 3 },
    });
  });

  it('cannot grow texts or loops without bounds', () => {
    const grow = Array.from({ length: 30 }, () => 'replace("a", "aa")').join(' | ');
    expect(map(`      brand: a | ${grow}\n`, { a: 'a' })).toMatchObject({
      kind: 'rejected',
      problems: [{ code: 'too-long' }],
    });
    const rounds = '      tags: {each: l, item: {each: $.l, item: {each: $.l, item: .}}}\n';
    expect(map(rounds, { l: Array.from({ length: 100 }, () => 'x') })).toMatchObject({
      kind: 'rejected',
      problems: [{ code: 'too-much' }],
    });
  });

  it('cannot have a number from a record make a function run away', () => {
    for (const [call, number] of [
      ['pad_start(n, "0")', '999999999'],
      ['truncate(n)', '-2'],
      ['text | decimal | round(n) | text', '-30000000'],
      ['text | decimal | round(n) | text', '21'],
    ])
      expect(map(`      brand: a | ${call}\n`, { a: '12', n: number ?? '' }), call).toMatchObject({
        problems: [{ field: 'product.brand', pointer: 'a', code: 'wrong-argument' }],
      });
    expect(map('      brand: a | pad_start(n, "0")\n', { a: '12', n: '4' })).toMatchObject({ brand: '0012' });
  });

  it('is refused when it is too long, too deep or uses aliases', () => {
    expect(checkMapping('a'.repeat(1_000_001), 'm.yaml', null).problems.map(({ code }) => code)).toContain('limit');
    expect(
      checkMapping(`outputs: ${'['.repeat(60)}${']'.repeat(60)}`, 'm.yaml', null).problems.map(({ code }) => code),
    ).toContain('yaml');
    expect(checkMapping('a: &a [1]\noutputs: [*a, *a]', 'm.yaml', null).problems.map(({ code }) => code)).toContain(
      'yaml',
    );
  });
});

describe('values', () => {
  it('that the store cannot keep are refused', () => {
    for (const bad of ['nul\u0000', '\ud800', 'x\udc00y'.repeat(50)]) {
      expect(map('      brand: a\n', { a: bad })).toMatchObject({
        kind: 'rejected',
        problems: [{ field: 'product.brand', pointer: 'a', code: 'bad-text' }],
      });
    }
    expect(map('      metadata: {object: {deep: a}}\n', { a: { b: ['\u0000'] } })).toMatchObject({
      problems: [{ code: 'bad-text' }],
    });
  });

  it('take their unit from a sibling, which must be known', () => {
    expect(map('      price: w | grams(u)\n', { w: '1.5', u: 'kg' })).toMatchObject({ price: '1500' });
    expect(map('      price: w | grams(u)\n', { w: '1.5', u: 'stone' })).toMatchObject({
      problems: [{ code: 'unknown-unit' }],
    });
    expect(map('      price: w | grams(u)\n', { w: '1.5' })).toMatchObject({ problems: [{ code: 'empty-argument' }] });
    expect(map('      price: w | from_minor(u)\n', { w: 1990, u: 'eur' })).toMatchObject({ price: '19.90' });
  });

  it('of rules that look alike are told apart', () => {
    expect(
      map('      brand: {jsonata: a, through: trim}\n      description: {jsonata: b, through: trim}\n', {
        a: 'A',
        b: 'B',
      }),
    ).toEqual({ name: 'n', brand: 'A', description: 'B' });
    expect(
      map('      brand: {first: [{jsonata: a}, c]}\n      description: {first: [{jsonata: b}, c]}\n', {
        a: 'A',
        b: 'B',
      }),
    ).toEqual({ name: 'n', brand: 'A', description: 'B' });
    expect(
      map(
        '      brand: {const: {text: A}, through: get("text")}\n      description: {const: {text: B}, through: get("text")}\n',
        {},
      ),
    ).toEqual({ name: 'n', brand: 'A', description: 'B' });
    const rule = '{match: sku, from: a}';
    const text = `outputs:\n  stock: {fields: {variant: ${rule}, quantity: = 1}}\n  variant: {fields: {product: ${rule}}}\n`;
    expect(checkMapping(text, 'm.yaml', null).mapping?.map({ a: 'A' }, { page: {}, position: 1 })).toMatchObject({
      entities: [{ values: { product: { entity: 'product' } } }],
      stock: [{ variant: { entity: 'variant' } }],
    });
  });

  it('stay exact', () => {
    expect(map('      price: a\n', { a: '12345678901234567890.123456789' })).toMatchObject({
      price: '12345678901234567890.123456789',
    });
    expect(map('      price: a\n', { a: 19.9 })).toMatchObject({ price: '19.9' });
    expect(map('      price: a\n', { a: '1e3' })).toMatchObject({ price: '1000' });
    expect(map('      sku: a\n', { a: 2 ** 53 })).toMatchObject({ problems: [{ code: 'lossy-number' }] });
    expect(map('      sku: a | text\n', { a: 2 ** 53 })).toMatchObject({ problems: [{ code: 'lossy-number' }] });
    expect(map('      price: a\n', { a: '9'.repeat(39) })).toMatchObject({ problems: [{ code: 'not-a-number' }] });
  });
});
