import { trimText } from '../../canonical/text.ts';
import { defineFunction } from './define.ts';

export const trim = defineFunction({
  name: 'trim',
  group: 'text',
  about: 'Removes space at both ends.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [
    { input: '  Mug ', call: 'trim', output: 'Mug' },
    { input: '   ', call: 'trim', output: null },
  ],
  run: (value) => trimText(value),
});
