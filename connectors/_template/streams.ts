import { declareFields, type StreamDeclaration } from '../../src/connector/index.ts';

const things: StreamDeclaration = {
  name: 'things',
  about: 'things with their quantity',
  mode: 'complete',
  cursor: 'keyset',
  visibilityLagMs: 2_000,
  overlapMs: 300_000,
  blindFields: [],
  volatilePaths: [],
  deletes: ['tombstone', 'absence'],
  key: ['id'],
  fields: declareFields({
    id: 'integer',
    sku: 'text',
    name: 'text',
    quantity: 'integer',
    updated_at: 'timestamp',
  }),
};

export const streams: readonly StreamDeclaration[] = [things];
