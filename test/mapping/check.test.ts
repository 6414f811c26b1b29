import { describe, expect, it } from 'vitest';
import type { DeclaredField } from '../../src/connector/contract.ts';
import { checkMapping } from '../../src/mapping/check.ts';
import type { SourceSchema } from '../../src/mapping/types.ts';

const schema: SourceSchema = {
  origin: 'declared',
  fields: (
    [
      ['id', 'integer', false],
      ['title', 'text', true],
      ['total', 'decimal', true],
      ['active', 'boolean', true],
      ['changed', 'timestamp', true],
      ['lines[].sku', 'text', true],
      ['lines[].qty', 'integer', true],
      ['tags', 'list', true],
      ['extra', 'json', true],
    ] as const
  ).map(([path, type, nullable]): DeclaredField => ({ path, type, nullable })),
};

/** `fields` of a product (name is there), with `^` before the place where the problem must be. */
const product = (rule: string): string =>
  `outputs:\n  product:\n    fields:\n      name: title | required\n      ${rule}\n`;

const BAD: readonly (readonly [string, string, string, string])[] = [
  ['unknown path', product('brand: ^titel'), 'unknown-path', 'Did you mean "title"?'],
  ['unknown path in an argument', product('brand: title | default(^titel)'), 'unknown-path', 'Did you mean "title"?'],
  ['unknown path inside a list', product('brand: lines[0].^skuu'), 'unknown-path', 'Did you mean "sku"?'],
  ['unknown field of a qualifier', product('brand: lines^[skuu = "x"].sku'), 'unknown-path', 'Did you mean "sku"?'],
  ['unknown path in a template', product('brand: {template: "a {^titel}"}'), 'unknown-path', 'Did you mean "title"?'],
  [
    'unknown path in a condition',
    product('brand: {choose: [{when: "^titel = \\"a\\"", then: title}, {else: title}]}'),
    'unknown-path',
    'Did you mean "title"?',
  ],
  ['name behind a list', product('brand: lines.^sku'), 'list-without-brackets', 'Write [] behind the list'],
  ['nothing in an object', product('metadata: {object: {a: ^}}'), 'no-value', '= null'],
  [
    'nothing in a branch',
    product('brand: {choose: [{when: title is empty, then: ^}, {else: title}]}'),
    'no-value',
    '= null',
  ],
  ['unknown field', product('^brnad: title'), 'unknown-field', 'Did you mean "brand"?'],
  ['unknown function', product('brand: title | ^trimm'), 'unknown-function', 'Did you mean "trim"?'],
  ['too few arguments', product('brand: title | ^replace("a")'), 'wrong-arguments', 'Write replace(search, by).'],
  ['too many arguments', product('brand: title | lower(^"x")'), 'wrong-arguments', 'Write lower.'],
  ['bad choice', product('price: total | round(1, ^"up")'), 'wrong-arguments', 'half_up'],
  ['bad number', product('price: total | round(^"x")'), 'wrong-arguments', 'digits behind the point'],
  [
    'bad zone',
    product('brand: title | timestamp(^"Europe/Berln") | text'),
    'bad-zone',
    'Did you mean "Europe/Berlin"?',
  ],
  ['bad format', product('brand: title | date(^"dd.QQ.yyyy") | text'), 'bad-format', 'dd.MM.yyyy'],
  ['bad pattern', product('brand: title | match(^"(?=x)")'), 'bad-pattern', 'RE2'],
  ['text into a number', product('price: title | ^lower'), 'type-mismatch', 'Add `| decimal`.'],
  ['boolean into text', product('brand: ^active'), 'type-mismatch', 'Add `| text`.'],
  ['list into text', product('brand: title | ^split(",")'), 'type-mismatch', 'join'],
  [
    'no reference in a reference',
    'outputs:\n  variant:\n    fields:\n      product: ^title\n',
    'type-mismatch',
    '{output: name}',
  ],
  ['lossy cast of a number', 'outputs:\n  variant:\n    fields:\n      position: ^total\n', 'lossy-cast', '| integer'],
  [
    'lossy cast of a time',
    'outputs:\n  opportunity:\n    fields:\n      name: title | required\n      close_date: ^changed\n',
    'lossy-cast',
    '| day("zone")',
  ],
  ['constant of the wrong kind', product('price: = ^"cheap"'), 'type-mismatch', 'constant of type decimal'],
  ['constant that the field does not have', product('status: = ^"activ"'), 'not-allowed', 'Did you mean "active"?'],
  [
    'unmapped required field',
    'outputs:\n  ^product:\n    fields:\n      sku: title\n',
    'unmapped-required',
    'Add `name:`',
  ],
  ['unhandled null', 'outputs:\n  product:\n    fields:\n      name: ^title\n', 'unhandled-null', '| required'],
  [
    'table without default',
    `tables:\n  ^states: {values: {a: active}}\n${product('status: title | lookup(states)')}`,
    'table-without-default',
    'otherwise: reject',
  ],
  [
    'table entry that the field does not have',
    `tables:\n  states: {values: {^a: activ}, otherwise: reject}\n${product('status: title | lookup(states)')}`,
    'not-allowed',
    'Did you mean "active"?',
  ],
  ['unknown table', product('status: title | lookup(^stats)'), 'unknown-table', 'Remove it.'],
  [
    'unused table',
    `tables:\n  ^states: {values: {a: b}, otherwise: reject}\n${product('brand: title')}`,
    'unused-table',
    'lookup(name)',
  ],
  [
    'branch after else',
    product('brand: {choose: [{else: title}, ^{when: active, then: title}]}'),
    'unreachable',
    'Put `else` last.',
  ],
  [
    'same condition twice',
    product('brand: {choose: [{when: active, then: title}, ^{when: active, then: title}, {else: title}]}'),
    'unreachable',
    'change or remove',
  ],
  ['option after a constant', product('brand: {first: [\'= "x"\', ^title]}'), 'unreachable', 'Move it up'],
  ['default after required', product('brand: title | required | ^default("x")'), 'unreachable', 'Remove it'],
  [
    'unknown output',
    'outputs:\n  variant:\n    fields:\n      product: {output: ^prodct}\n',
    'unknown-output',
    'Remove it.',
  ],
  [
    'output further down',
    'outputs:\n  variant:\n    fields:\n      product: {output: ^product}\n  product:\n    fields:\n      name: title | required\n',
    'unknown-output',
    'Move it above',
  ],
  [
    'output of another entity',
    'outputs:\n  location:\n    fields:\n      code: title | required\n  variant:\n    fields:\n      product: {output: ^location}\n',
    'unknown-output',
    'entity product',
  ],
  [
    'match field nobody fills',
    'outputs:\n  product:\n    match: ^sku\n    fields:\n      name: title | required\n',
    'unmapped-match',
    'Add `sku:`',
  ],
  [
    'match field that finds nothing',
    'outputs:\n  product:\n    match: ^name\n    fields:\n      name: title | required\n',
    'unknown-match',
    'sku',
  ],
  [
    'loop over no list',
    'outputs:\n  variant:\n    each: ^title\n    key: sku\n    fields:\n      sku: sku\n',
    'not-a-list',
    'Name a list',
  ],
  [
    'unknown entity',
    'outputs:\n  ^prodct:\n    fields:\n      name: title\n',
    'unknown-entity',
    'Did you mean "product"?',
  ],
  [
    'unknown key of an output',
    'outputs:\n  product:\n    feilds: {}\n    ^feilds2: {}\n    fields:\n      name: title | required\n',
    'unknown-key',
    'Did you mean "fields"?',
  ],
  [
    'unknown conflict policy',
    product('brand: {from: title, conflict: ^source_win}'),
    'unknown-word',
    'Did you mean "source_wins"?',
  ],
  [
    'filter without a reason',
    `record:\n  skip:\n    - ^when: active\n${product('brand: title')}`,
    'skip-reason',
    'reason',
  ],
  ['@index outside a loop', product('brand: "^@index"'), 'no-loop', 'each'],
  ['bad JSONata', product('metadata: {jsonata: ^"((("}'), 'bad-jsonata', 'docs.jsonata.org'],
  ['bad constant', product('brand: = ^red'), 'syntax', 'quotes'],
  ['two ways at once', product('brand: {first: [title], ^each: tags, item: title}'), 'syntax', 'Keep one'],
];

describe('checks', () => {
  for (const [title, marked, code, remedy] of BAD) {
    it(`report: ${title}`, () => {
      const at = marked.indexOf('^');
      const text = marked.slice(0, at) + marked.slice(at + 1);
      const line = text.slice(0, at).split('\n').length;
      const column = at - text.lastIndexOf('\n', at - 1);
      const { problems } = checkMapping(text, 'm.yaml', schema);
      const found = problems.filter(
        (problem) => problem.code === code && problem.line === line && problem.column === column,
      );
      expect(found, JSON.stringify(problems, null, 1)).toHaveLength(1);
      expect(found[0]?.remedy).toMatch(
        new RegExp(
          remedy
            .split('|')
            .map((part) => part.replace(/[.*+?^${}()[\]\\]/g, '\\$&'))
            .join('|'),
        ),
      );
    });
  }

  it('report all problems at once, in the order of the file', () => {
    const { problems, mapping } = checkMapping(product('brnad: titel | trimm'), 'm.yaml', schema);
    expect(problems.map(({ line, code }) => `${line} ${code}`)).toEqual([
      '5 unknown-field',
      '5 unknown-path',
      '5 unknown-function',
    ]);
    expect(mapping).toBeNull();
  });

  it('know whole column names, whatever they contain', () => {
    const text =
      'columns: ["Body (HTML)", "Google Shopping / MPN", "a.b [c]", "x | y"]\nrecord:\n  key: a.b [c]\noutputs:\n  product:\n    fields:\n      name: Body (HTML) | required\n      sku: a.b [c]\n      brand: Google Shopping / MPN | trim\n      kind: "`x | y` | trim"\n';
    const { problems, mapping } = checkMapping(text, 'm.yaml', null);
    expect(problems).toEqual([]);
    const result = mapping?.map(
      { 'Body (HTML)': 'B', 'Google Shopping / MPN': ' M ', 'a.b [c]': 'K', 'x | y': 'P' },
      { page: {}, position: 1 },
    );
    expect(result).toMatchObject({ id: 'K', entities: [{ values: { name: 'B', sku: 'K', brand: 'M', kind: 'P' } }] });
  });

  it('only warn about paths that samples have not shown yet', () => {
    const { problems, mapping } = checkMapping(product('brand: titel'), 'm.yaml', { ...schema, origin: 'learned' });
    expect(problems.map(({ severity }) => severity)).toEqual(['warning']);
    expect(mapping).not.toBeNull();
  });
});
