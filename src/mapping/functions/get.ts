import { defineFunction } from './define.ts';

export const get = defineFunction({
  name: 'get',
  group: 'object',
  about: 'A field of an object that an earlier function made.',
  input: 'json',
  output: 'element',
  args: [{ name: 'name', kind: 'text', about: 'which field' }],
  examples: [
    { input: { a: 1 }, call: 'get("a")', output: 1 },
    { input: { a: 1 }, call: 'get("b")', output: null },
  ],
  run: (value, name) => (Object.hasOwn(value, name) ? (value[name] ?? null) : null),
});
