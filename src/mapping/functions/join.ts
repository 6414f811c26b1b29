import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const join = defineFunction({
  name: 'join',
  group: 'list',
  about: 'Makes one text of a list; empty elements are left out.',
  input: 'list',
  output: 'text',
  args: [{ name: 'separator', kind: 'text', about: 'what to put between' }],
  grows: true,
  examples: [
    { input: ['Red', null, 'XL'], call: 'join(" / ")', output: 'Red / XL' },
    { input: [], call: 'join(",")', output: null },
  ],
  run: (value, separator) =>
    value.some((element) => element !== null && typeof element === 'object')
      ? new Fault('not-text', 'has elements that are no single values', value)
      : value.filter((element) => element !== null && element !== '').join(separator),
});
