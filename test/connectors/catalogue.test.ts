import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { renderCatalogue, withCatalogue } from '../../connectors/catalogue.ts';
import { findConnectors } from '../../connectors/index.ts';
import { defineConnector, secret, z } from '../../src/connector/index.ts';

const page = await readFile(join(import.meta.dirname, '../../docs/connectors.md'), 'utf8');

test('the catalogue in docs/connectors.md is what the connectors declare (else: node connectors/catalogue.ts)', async () => {
  const { connectors } = await findConnectors();
  expect(page).toBe(withCatalogue(page, renderCatalogue(connectors.values())));
});

test('a page without markers is refused', () => {
  expect(() => withCatalogue('# nothing', 'x')).toThrow(RangeError);
});

describe('a rendered connector', () => {
  const rendered = renderCatalogue([
    defineConnector({
      name: 'sample',
      title: 'Sample',
      docs: 'https://vendor.example/docs',
      directions: ['in', 'out'],
      config: z.strictObject({ token: secret('access token'), size: z.int().default(5).describe('a | b') }),
      streams: [
        {
          name: 'things',
          about: 'things',
          mode: 'complete',
          cursor: 'keyset',
          visibilityLagMs: 2000,
          overlapMs: 60_000,
          blindFields: ['stock'],
          volatilePaths: [],
          deletes: ['tombstone', 'absence'],
          fields: null,
          key: ['id'],
          tombstoneHorizonMs: 1_296_000_000,
        },
      ],
      open: () => Promise.reject(new Error('not opened')),
    }),
  ]);

  test('names settings with defaults and marks secrets', () => {
    expect(rendered).toContain('| `token` | access token; **secret** |');
    expect(rendered).toContain('| `size` | a \\| b; default `5` |');
  });

  test('names streams with bounds, deletes and blind fields', () => {
    expect(rendered).toContain(
      '| `things` | things | keyset, complete | 2 s / 1 min | tombstone, absence (tombstones for 15 d) | `stock` |',
    );
  });
});
