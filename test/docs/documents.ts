/** The documents people read, and what stands in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '..', '..');
export const readDocument = (path: string): string => readFileSync(join(root, path), 'utf8');

export const DOCUMENTS: readonly string[] = [
  'README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

export type Block = { readonly info: string; readonly text: string };

/** Fenced blocks with what stands behind the fence. */
export const blocksOf = (text: string): readonly Block[] =>
  [...text.matchAll(/^```([^\n]*)\n([\s\S]*?)^```$/gm)].map(([, info = '', body = '']) => ({ info, text: body }));

/** Words of a command as a shell takes them apart, as far as the documents go. */
export const wordsOf = (line: string): string[] =>
  [
    ...line
      .replace(/\s+#.*$/, '')
      .replace(/\s+>.*$/, '')
      .matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g),
  ].map(([, double, single, plain]) => double ?? single ?? plain ?? '');

/** Every command of the program that a document prints: lines of its shell blocks, and code within sentences. */
export function commandsOf(text: string): string[] {
  const lines = blocksOf(text)
    .filter(({ info }) => /^(sh|bash|console)\b/.test(info))
    .flatMap((block) => block.text.split('\n'));
  const prose = text.replace(/^```[\s\S]*?^```$/gm, '');
  const inline = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code ?? '');
  return [...lines, ...inline].flatMap((line) => {
    const [, command] = /^(?:\$ )?(?:npm run -s tributary -- |tributary )(.+)$/.exec(line.trim()) ?? [];
    return command === undefined ? [] : [command];
  });
}
