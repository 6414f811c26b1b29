import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { fileSchema } from '../../src/config/schema.ts';
import { createMetrics } from '../../src/observe/metrics.ts';
import { readDocument, root } from './documents.ts';

const text = readDocument('docs/operations.md');
const section = (from: string, to: string): string => text.slice(text.indexOf(from), text.indexOf(to));
/** Names in backticks in the first cell of a table's rows. */
const firstCells = (part: string): string[] =>
  part
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ''));

type Node = {
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
};
/** Every setting the file may have, as the table writes it. */
function settingsOf(node: Node, path = ''): string[] {
  const named = Object.entries(node.properties ?? {}).flatMap(([name, child]) =>
    settingsOf(child, path === '' ? name : `${path}.${name}`),
  );
  const { additionalProperties: each, items } = node;
  const own = typeof each === 'object' && Object.keys(each).length > 0 ? settingsOf(each, `${path}.<name>`) : [];
  const listed = items ? settingsOf(items, `${path}[]`) : [];
  const all = [...named, ...own, ...listed];
  // Tables whose shape a short form hides from the JSON schema stand in it by their name as well.
  return all.length > 0 ? all : [path];
}

describe('docs/operations.md', () => {
  it('lists every setting of tributary.yaml and no other', () => {
    const schema = z.toJSONSchema(fileSchema, { io: 'input', unrepresentable: 'any' }) as Node;
    expect(firstCells(section('## Configuration', '| variable')).sort()).toEqual(settingsOf(schema).sort());
  });

  it('lists every variable that the configuration reads', () => {
    const load = readFileSync(join(root, 'src/config/load.ts'), 'utf8');
    const read = new Set(
      [...load.matchAll(/\b(TRIBUTARY_[A-Z_]+|[A-Z]+_URL|HOST|PORT)\b(?=['\]:])/g)].map(([, name]) => name ?? ''),
    );
    expect(firstCells(section('| variable', '## What happens')).sort()).toEqual([...read].sort());
  });

  it('calls those settings without effect that nothing reads', () => {
    const fields = {
      public_url: 'publicUrl',
      currency: 'config.currency',
      'stock.reservation': 'reservationMs',
      TRIBUTARY_SECRET_KEY: 'secretKey',
    };
    const code = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && !path.startsWith('config/'))
      .map((path) => readFileSync(join(root, 'src', path), 'utf8'))
      .join('\n');
    const idle = Object.entries(fields)
      .filter(([, field]) => !code.includes(field))
      .map(([name]) => name);
    const said = text
      .split('\n')
      .filter((line) => /no effect yet/i.test(line))
      .flatMap((line) => firstCells(line));
    expect(said.sort()).toEqual(idle.sort());
  });

  it('lists every metric with its labels', async () => {
    const source = readFileSync(join(root, 'src/observe/metrics.ts'), 'utf8');
    const { body } = await createMetrics().scrape();
    const declared = [...body.matchAll(/^# TYPE (\w+) \w+$/gm)].map(([, name]) => name ?? '');
    const part = section('## Metrics', '## Alerts');
    expect(firstCells(part).sort()).toEqual(declared.sort());
    for (const line of part.split('\n').filter((row) => row.startsWith('| `'))) {
      const [, name = '', labels = ''] = line.split('|').map((cell) => cell.trim().replaceAll('`', ''));
      const at = source.indexOf(`'${name}'`);
      const declaration = source.slice(at, source.indexOf(');', at)).replaceAll("'", '');
      const stream = labels.startsWith('connection, stream');
      expect([name, /STREAM/.test(declaration)]).toEqual([name, stream]);
      for (const label of labels.split(', ').filter((one) => one !== '' && !['connection', 'stream'].includes(one)))
        expect(declaration, name).toContain(label);
    }
  });
});
