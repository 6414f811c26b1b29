import type { Json, JsonObject } from '../../connector/contract.ts';
import { defineFunction } from './define.ts';

const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const link = defineFunction({
  name: 'link',
  group: 'object',
  about:
    'In outgoing mappings: the external id that an entity has in a stream of the connection written to; empty when it has none yet.',
  input: 'json',
  output: 'text',
  args: [{ name: 'stream', kind: 'text', about: 'stream of the connection' }],
  examples: [
    { input: { name: 'Spring', links: { campaigns: '701x' } }, call: 'link("campaigns")', output: '701x' },
    { input: { name: 'Spring', links: {} }, call: 'link("campaigns")', output: null },
  ],
  run(value, stream) {
    const links = Object.hasOwn(value, 'links') ? value['links'] : undefined;
    const id = isObject(links) && Object.hasOwn(links, stream) ? links[stream] : null;
    return typeof id === 'string' ? id : null;
  },
});
