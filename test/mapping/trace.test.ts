import { expect, it } from 'vitest';
import { ENTITIES } from '../../src/canonical/entities.ts';
import { checkMapping } from '../../src/mapping/check.ts';

const text = `record: {key: id}
outputs:
  product:
    match: sku
    fields:
      name: title | trim | required
      sku: sku | trim
      brand: brand | null_if("N/A")
      kind: kind
      price: {from: price | decimal, on_null: omit}
      status: state | lower
      description: {choose: [{when: long is not empty, then: long}, {else: = null}]}
`;

it('says for every canonical field why it has its value or none', () => {
  const { mapping } = checkMapping(text, 'm.yaml', null);
  if (mapping === null) throw new TypeError('must pass');
  const record = { id: '1', title: ' Mug ', brand: 'N/A', kind: '', price: '', state: 'Sold', sku: null };
  expect(mapping.map(record, { page: {}, position: 1 })).toMatchObject({
    kind: 'rejected',
    problems: [{ field: 'product.status', pointer: 'state', code: 'not-allowed' }],
  });
  const traces = mapping.trace(record, { page: {}, position: 1 });
  expect(traces.map(({ field }) => field).sort()).toEqual(Object.keys(ENTITIES.product.fields).sort());
  const reasons = Object.fromEntries(
    traces.filter(({ reason }) => reason !== 'not mapped').map(({ field, reason }) => [field, reason]),
  );
  expect(reasons).toEqual({
    name: null,
    sku: 'null in source',
    brand: 'coerced: empty after null_if("N/A")',
    kind: 'null in source',
    price: 'null in source; no opinion',
    status: 'rejected: "sold" is none of active, draft, archived',
    description: 'absent',
  });
  expect(traces[0]).toEqual({
    output: 'product',
    field: 'name',
    value: 'Mug',
    rule: 'm.yaml:6:13',
    sources: ['title'],
    steps: [
      { call: 'trim', result: 'Mug' },
      { call: 'required', result: 'Mug' },
    ],
    reason: null,
  });
});

it('keeps personal values out of messages', () => {
  const { mapping } = checkMapping('outputs:\n  customer:\n    fields:\n      email: mail | email\n', 'm.yaml', null);
  expect(mapping?.map({ mail: 'ann(at)home' }, { page: {}, position: 1 })).toMatchObject({
    problems: [{ message: 'the value is no e-mail address' }],
  });
});
