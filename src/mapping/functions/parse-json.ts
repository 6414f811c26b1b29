import { parseJson } from '../../canonical/json.ts';
import type { Json } from '../../connector/contract.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

function read(text: string): Json | Fault {
  try {
    return parseJson(text);
  } catch {
    return new Fault('not-json', 'is no JSON', text);
  }
}

export const readJson = defineFunction({
  name: 'parse_json',
  group: 'object',
  about: 'Reads a text that holds JSON.',
  input: 'text',
  output: 'any',
  args: [],
  examples: [
    { input: '{"a":[1]}', call: 'parse_json', output: { a: [1] } },
    { input: '{', call: 'parse_json', fault: 'not-json' },
  ],
  run: (value) => read(value),
});
