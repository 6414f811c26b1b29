import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

const TRUE = new Set(['true', 'yes', 'y', 'on', '1']);
const FALSE = new Set(['false', 'no', 'n', 'off', '0']);

export const toBoolean = defineFunction({
  name: 'boolean',
  group: 'logic',
  about: 'Reads true, yes, y, on, 1 and false, no, n, off, 0, in any case.',
  input: 'any',
  output: 'boolean',
  args: [],
  examples: [
    { input: 'Yes', call: 'boolean', output: true },
    { input: 0, call: 'boolean', output: false },
    { input: 'perhaps', call: 'boolean', fault: 'not-boolean' },
  ],
  run: (value) => {
    if (typeof value === 'boolean') return value;
    const word = typeof value === 'object' ? '' : String(value).trim().toLowerCase();
    if (TRUE.has(word)) return true;
    return FALSE.has(word) ? false : new Fault('not-boolean', 'is neither true nor false', value);
  },
});
