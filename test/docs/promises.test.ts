import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseArguments } from '../../src/cli/program.ts';
import { readDocument, root, wordsOf } from './documents.ts';

/** Everything that was promised. A promise that is dropped is dropped here first. */
const PROMISED = [
  ...['install', 'sandbox', 'own', 'json', 'systems', 'watch', 'term', 'port', 'twice', 'test'].map(
    (name) => `start.${name}`,
  ),
  ...Array.from({ length: 12 }, (_, at) => `part.${at + 1}`),
  ...Array.from({ length: 8 }, (_, at) => `vendors.${at + 1}`),
  ...['echo', 'live'].map((name) => `show.${name}`),
  ...['CTL-07', 'EVT-IN-04', 'EVT-IN-05', 'MKT-LEAD-01', 'MKT-LEAD-03', 'ETL-19'],
  ...['kill', 'fold', 'invariants', 'explain', 'commands', 'mutation', 'bench.mapping', 'bench.feed'].map(
    (name) => `show.${name}`,
  ),
  ...['hostile', 'conformance', 'connectors.new', 'bench.connectors'].map((name) => `show.${name}`),
  ...['MPL-INV-01', 'MPL-INV-02', 'ECP-INV-01', 'CTL-09', 'SEC-AUTH-01', 'SEC-AUTH-02', 'CONF-36', 'CONF-46', 'GAP-03'],
  ...['UX-15', 'UX-16', 'ETL-01', 'ETL-02', 'ETL-03', 'ETL-09', 'ETL-14', 'ETL-16', 'ETL-18'],
  ...['ENT-01', 'ENT-02', 'ENT-03', 'ENT-04', 'ENT-05', 'ENT-06', 'ENT-09', 'ENT-10'],
];

type Row = { readonly id: string; readonly command: string; readonly state: string };

const rows: readonly Row[] = readDocument('docs/promises.md')
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => {
    const [, promise = '', command = '', state = ''] = line.split('|').map((cell) => cell.trim());
    return { id: /^`([^`]+)`/.exec(promise)?.[1] ?? '', command: command.replaceAll('`', ''), state };
  });

const { scripts } = JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> };

/** Whether vitest finds a test under a path. */
function hasTests(path: string): boolean {
  const full = join(root, path);
  if (!existsSync(full)) return false;
  if (!statSync(full).isDirectory()) return path.endsWith('.test.ts');
  return readdirSync(full, { recursive: true, encoding: 'utf8' }).some((name) => name.endsWith('.test.ts'));
}

describe('docs/promises.md', () => {
  it('has every promise, and none that nobody made', () => {
    expect([...new Set(rows.map(({ id }) => id))].sort()).toEqual([...PROMISED].sort());
  });

  it('says of each whether it is shown or what falls short', () => {
    for (const { id, state } of rows)
      expect([id, state]).toEqual([id, expect.stringMatching(/^(shown|short: .{10,})$/)]);
  });

  it.each(rows)('$id: $command', ({ command }) => {
    const [program, ...words] = wordsOf(command);
    if (program === 'tributary') {
      expect(parseArguments(words, COMMANDS).kind).toBe('command');
      return;
    }
    expect(program).toBe('npm');
    const name = words[0] === 'run' ? words.find((word, at) => at > 0 && !word.startsWith('-')) : words[0];
    expect(Object.keys(scripts)).toContain(name);
    const given = words.slice(words.indexOf('--') + 1);
    if (name === 'test') for (const path of given) expect(hasTests(path), path).toBe(true);
    if (name === 'bench') expect(existsSync(join(root, 'bench', `${given[0]}.ts`))).toBe(true);
    if (name === 'soak') expect(readDocument('test/soak/main.ts')).toContain(`soak -- ${given[0]}`);
  });

  it('stands in a project of the promised layout', () => {
    const promised = [
      'package.json',
      'tsconfig.json',
      'src',
      'connectors',
      'mappings',
      'test',
      'docker-compose.yml',
      'README.md',
    ];
    expect(promised.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
