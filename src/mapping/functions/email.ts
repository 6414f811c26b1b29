import { normaliseEmail } from '../../canonical/normalise.ts';
import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const email = defineFunction({
  name: 'email',
  group: 'identifier',
  about: 'An e-mail address in small letters without space around it.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [
    { input: ' Ann@Example.com', call: 'email', output: 'ann@example.com' },
    { input: 'ann', call: 'email', fault: 'bad-email' },
  ],
  run: (value) =>
    value.trim() === '' ? null : normaliseEmail(value) || new Fault('bad-email', 'is no e-mail address', value),
});
