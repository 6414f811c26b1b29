import { Fault } from '../fault.ts';
import { defineFunction } from './define.ts';

export const url = defineFunction({
  name: 'url',
  group: 'identifier',
  about: 'An absolute address of the web (http or https), without space around it.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [
    { input: ' https://example.com/a.png', call: 'url', output: 'https://example.com/a.png' },
    { input: 'a.png', call: 'url', fault: 'bad-url' },
  ],
  run: (value) => {
    const address = value.trim();
    if (address === '') return null;
    return /^https?:\/\/[^\s/]+/i.test(address) && URL.canParse(address)
      ? address
      : new Fault('bad-url', 'is no http(s) address', value);
  },
});
