import { describe, expect, it } from 'vitest';
import type { JsonObject, WriteDeclaration } from '../../src/connector/contract.ts';
import { runCases } from '../../src/mapping/cases.ts';
import { checkOutgoing } from '../../src/mapping/outgoing-check.ts';

const TARGET: WriteDeclaration = {
  actions: ['create', 'update'],
  fields: [
    { path: 'Email', type: 'text', nullable: false },
    { path: 'LastName', type: 'text', nullable: false },
    { path: 'Score', type: 'integer', nullable: true },
    { path: 'Notes', type: 'text', nullable: true },
  ],
  requiredOnCreate: ['LastName'],
  matchBy: ['Email'],
  batch: 100,
  id: 'record',
};

const FILE = `write:
  entity: lead
  to: leads
  when: email is not empty
  match: Email
  actions: [create, update, delete]
fields:
  Email: email
  LastName: last_name | default("Unknown")
  Score: {value: lead_score, clear: true}
  Notes: {value: notes, on: create}
`;

const made = (text: string, entity: JsonObject) => {
  const { outgoing, problems } = checkOutgoing(text, 'm.yaml', null);
  if (outgoing === null) throw new TypeError(JSON.stringify(problems));
  return outgoing.map(entity);
};

describe('an outgoing mapping', () => {
  it('creates without a link, updates with one, and names fields only where it should', () => {
    const lead = { email: 'a@b.c', lead_score: null, notes: 'hot' };
    expect(made(FILE, { ...lead, links: {} })).toEqual({
      kind: 'write',
      id: null,
      action: 'create',
      values: { Email: 'a@b.c', LastName: 'Unknown', Notes: 'hot' },
    });
    expect(made(FILE, { ...lead, links: { leads: '00Q' } })).toEqual({
      kind: 'write',
      id: '00Q',
      action: 'update',
      values: { Email: 'a@b.c', LastName: 'Unknown', Score: null },
    });
  });

  it('removes what is archived only where that is asked for, and never what was never there', () => {
    const gone = { email: 'a@b.c', archived: true };
    expect(made(FILE, { ...gone, links: { leads: '00Q' } })).toMatchObject({ action: 'delete', values: {} });
    expect(made(FILE, gone)).toEqual({ kind: 'skipped', reason: 'archived, and never written' });
    expect(made(FILE.replace(', delete', ''), { ...gone, links: { leads: '00Q' } })).toEqual({
      kind: 'skipped',
      reason: 'archived',
    });
  });

  it('puts an id of several parts together, and has none while a part is missing', () => {
    const stock = `write:
  entity: stock
  to: inventory
  id: {template: '{variant | link("inventory")}/{location | link("locations")}'}
fields: {quantity: available}
`;
    const level = { available: 4, location: { code: 'berlin', links: { locations: '9' } } };
    expect(made(stock, { ...level, variant: { sku: 'A', links: { inventory: '7' } } })).toMatchObject({ id: '7/9' });
    expect(made(stock, { ...level, variant: { sku: 'A', links: {} } })).toEqual({
      kind: 'skipped',
      reason: 'create is not among the actions',
    });
  });

  it('wants stock without a place to be added up, so that no place is written over another', () => {
    const codes = (each: string, rest = '') =>
      checkOutgoing(
        `write: {entity: stock, to: products, id: variant.sku${each}${rest}}\nfields: {stock: available}\n`,
        'stock.yaml',
        null,
      ).problems.map((problem) => problem.code);
    expect(codes('')).toEqual(['location-unsaid']);
    expect(codes(', skip: [{when: location.code != "web", reason: elsewhere}]')).toEqual([]);
    expect(codes(', each: variant')).toEqual([]);
    expect(codes(', each: variant', ', when: location.code = "web"')).toContain('unknown-path');
    expect(codes(', each: shop')).toContain('unknown-word');
  });

  it('rejects an entity with every problem it has, and keeps personal values out of messages', () => {
    const text = FILE.replace('| default("Unknown")', '| required').replace(
      'value: lead_score',
      'value: phone | integer',
    );
    expect(made(text, { email: 'a@b.c', phone: '+49-x' })).toEqual({
      kind: 'rejected',
      problems: [
        {
          field: 'write.LastName',
          pointer: 'last_name',
          code: 'required',
          message: 'a value is required, and there is none',
        },
        { field: 'write.Score', pointer: 'phone', code: 'not-a-number', message: 'the value is not a number' },
      ],
    });
  });
});

describe('checks of an outgoing mapping', () => {
  const wrong: readonly (readonly [string, string, string, string, number, number])[] = [
    ['a field the entity does not have', 'email\n  L', 'emial\n  L', 'unknown-path', 8, 10],
    ['a field the vendor does not have', '  Score:', '  Scroe:', 'unknown-field', 10, 3],
    ['a type that does not fit', 'value: lead_score', 'value: tracking', 'type-mismatch', 10, 18],
    ['emptying what cannot be empty', 'Email: email', 'Email: {value: email, clear: true}', 'not-nullable', 8, 3],
    ['an unknown way to find records', 'match: Email', 'match: Phone', 'unknown-match', 5, 10],
    ['an action nothing can do', 'create, update, delete', 'update, delete', 'unknown-action', 6, 21],
    ['what is needed to create', '  LastName: last_name | default("Unknown")\n', '', 'unmapped-required', 2, 3],
    ['a required field that may be empty', ' | default("Unknown")', '', 'unhandled-null', 9, 13],
    ['a text for a condition', 'email is not empty', 'email', 'type-mismatch', 4, 9],
    ['references between entities', 'notes, on', '{external: notes}, on', 'no-references', 11, 29],
    ['an unknown function', '| default', '| defualt', 'unknown-function', 9, 25],
  ];
  for (const [what, before, after, code, line, column] of wrong) {
    it(`point at ${what}`, () => {
      const text = FILE.replace(before, after);
      expect(text).not.toBe(FILE);
      const { problems } = checkOutgoing(text, 'm.yaml', TARGET);
      expect(problems).toContainEqual(
        expect.objectContaining({ code, line, column, remedy: expect.stringMatching(/./) }),
      );
    });
  }

  it('find nothing wrong with a sound file but what the vendor cannot do', () => {
    const { problems } = checkOutgoing(FILE.replace(', delete', ''), 'm.yaml', TARGET);
    expect(problems).toEqual([]);
  });

  it('take a branch for records without a link as what is needed to create, where nothing empty comes before it', () => {
    const choose = (known: string) => `LastName:
    choose:
      - {when: last_name is not empty, then: ${known}}
      - {when: 'link("leads") is empty', then: = "Unknown"}
      - else: = null`;
    const file = (known: string) =>
      FILE.replace(', delete', '').replace('LastName: last_name | default("Unknown")', choose(known));
    expect(checkOutgoing(file('last_name | trim'), 'm.yaml', TARGET).problems).toEqual([]);
    for (const text of [file('first_name'), file('last_name').replace('link("leads")', 'link("contacts")')])
      expect(checkOutgoing(text, 'm.yaml', TARGET).problems).toMatchObject([{ code: 'unhandled-null' }]);
  });
});

describe('cases of an outgoing mapping', () => {
  it('tell what came out otherwise, by which rule, and what no case uses', () => {
    const cases =
      'cases:\n  - name: one\n    input: {email: a@b.c, links: {leads: x}}\n    expect: {id: x, action: update, values: {Email: a@b.c, LastName: Lee}}\n';
    const report = runCases(FILE, 'm.yaml', cases, 'm.cases.yaml');
    expect(report.results[0]?.differences).toEqual([
      { path: 'values.LastName', expected: 'Lee', actual: 'Unknown', rule: 'm.yaml:9:13' },
    ]);
    expect(report.coverage?.unused.map(({ what }) => what)).toEqual([
      'write.Score is never filled',
      'write.Notes is never filled',
    ]);
  });
});
