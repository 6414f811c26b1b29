import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseArguments } from '../../src/cli/program.ts';
import { start } from '../../src/cli/start.ts';
import { commandsOf, DOCUMENTS, readDocument, root, wordsOf } from './documents.ts';

const scripts = Object.keys(
  (JSON.parse(readDocument('package.json')) as { scripts: Record<string, string> }).scripts,
).concat('install', 'ci', 'link');

describe.each(DOCUMENTS)('%s', (path) => {
  const text = readDocument(path);

  it('links to what is there', () => {
    const links = [...text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/\]\(([^)\s]+)\)/g)].map(([, to]) => to ?? '');
    const local = links.filter((to) => !/^(https?:|#|mailto:)/.test(to));
    expect(local.filter((to) => !existsSync(join(root, dirname(path), to.replace(/#.*$/, ''))))).toEqual([]);
  });

  it('names files that exist, none of them outside of the project', () => {
    const named = [...text.matchAll(/`((?:test|src|connectors|bench|scripts|drizzle|bin)\/[\w./-]*\w)\/?`/g)].map(
      ([, to]) => to ?? '',
    );
    expect(named.filter((to) => !existsSync(join(root, to)))).toEqual([]);
    for (const [, to = ''] of text.matchAll(/\]\(((?:\.\.?\/)[^)\s#]+)\)/g))
      expect(join(root, dirname(path), to).startsWith(root), to).toBe(true);
  });

  it('prints commands that the program takes', () => {
    for (const command of commandsOf(text)) {
      if (command.startsWith('--') || command.startsWith('<command>')) continue;
      // A command named in a sentence may leave its arguments out (`tributary runs show`).
      const words = wordsOf(command).filter((word) => word !== '…');
      const tried = [words, [...words, 'x'], [...words, 'x', 'y'], [...words, '--help']];
      const taken = tried.some((argv) => {
        try {
          const parsed = parseArguments(argv, [start, ...COMMANDS]);
          return parsed.kind === 'command' || parsed.exit === 0;
        } catch {
          return false;
        }
      });
      expect(taken, `tributary ${command}`).toBe(true);
    }
  });

  it('names npm scripts that exist', () => {
    const named = [...text.matchAll(/(?<=^|`)npm (?:run (?:-s )?)?([a-z][a-z:-]*)/gm)].map(([, name]) => name ?? '');
    expect(named.filter((name) => !scripts.includes(name))).toEqual([]);
  });
});
