import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Json } from '../../src/connector/contract.ts';
import { checkMapping } from '../../src/mapping/check.ts';
import { FUNCTIONS } from '../../src/mapping/functions.ts';

/** Runs one call in a mapping: its result, or the code of its fault. */
function call(input: Json, text: string): { output: Json } | { fault: string } {
  const mapping = [
    'outputs:',
    '  product:',
    '    fields:',
    '      name: "= \\"n\\""',
    '      metadata:',
    '        object:',
    `          made: 'value | ${text.replaceAll("'", "''")}'`,
  ].join('\n');
  const checked = checkMapping(mapping, 'example.yaml', null);
  if (checked.mapping === null) throw new TypeError(checked.problems.map((problem) => problem.message).join('\n'));
  const result = checked.mapping.map({ value: input, more: 'x' }, { page: {}, position: 1 });
  if (result.kind === 'rejected') return { fault: result.problems[0]?.code ?? '' };
  const metadata = result.kind === 'mapped' ? result.entities[0]?.values['metadata'] : undefined;
  const made = metadata !== null && typeof metadata === 'object' && 'made' in metadata ? metadata.made : null;
  return { output: (made ?? null) as Json };
}

const declared = [...FUNCTIONS.values()];

describe('functions of the language', () => {
  it('are one file each, and every file is registered', () => {
    const files = readdirSync(join(import.meta.dirname, '..', '..', 'src', 'mapping', 'functions')).filter(
      (file) => file !== 'define.ts',
    );
    expect(files.sort()).toEqual(declared.map(({ name }) => `${name.replaceAll('_', '-')}.ts`).sort());
  });

  it('have an example each', () => {
    expect(
      declared.filter(({ name, examples }) => examples.length === 0 && name !== 'lookup').map(({ name }) => name),
    ).toEqual([]);
  });

  for (const { name, examples } of declared.filter((one) => one.name !== 'link')) {
    for (const example of examples) {
      it(`${name}: ${JSON.stringify(example.input)} | ${example.call}`, () => {
        expect(call(example.input, example.call)).toEqual(
          'fault' in example ? { fault: example.fault } : { output: example.output },
        );
      });
    }
  }

  it('let empty values pass by, but for those that ask for them', () => {
    const passing = declared.filter(({ takesEmpty, name }) => !takesEmpty && name !== 'lookup' && name !== 'link');
    for (const { examples } of passing) {
      const [example] = examples;
      if (example !== undefined) expect(call(null, example.call), example.call).toEqual({ output: null });
    }
  });
});
