import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const required = defineFunction({
  name: 'required',
  group: 'empty',
  about: 'Rejects the record when there is no value.',
  input: 'any',
  output: 'same',
  args: [],
  takesEmpty: true,
  examples: [
    { input: 'Mug', call: 'required', output: 'Mug' },
    { input: null, call: 'required', fault: 'required' },
  ],
  run: (value) => value ?? new Fault('required', 'a value is required, and there is none'),
});
