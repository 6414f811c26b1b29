import { trimText } from '../../canonical/text.ts';
import { cut } from '../cut.ts';
import { defineFunction } from './define.ts';

export const splitPaths = defineFunction({
  name: 'split_paths',
  group: 'list',
  about: 'Cuts a list of category paths ("Clothing > Hoodies, Sale") into paths written "A > B".',
  input: 'text',
  output: 'list',
  args: [
    { name: 'separator', kind: 'text', about: 'between paths' },
    { name: 'level', kind: 'text', about: 'between the levels of a path' },
    { name: 'escape', kind: 'text', about: 'what stands before a separator that is part of a name', optional: true },
  ],
  examples: [
    { input: 'Clothing>Hoodies, Sale', call: 'split_paths(",", ">")', output: ['Clothing > Hoodies', 'Sale'] },
  ],
  run: (value, separator, level, sign) => {
    const paths: string[] = [];
    for (const part of cut(value, separator, sign)) {
      const path = level !== '' && part.includes(level) ? joined(part.split(level)) : trimText(part);
      if (path !== '') paths.push(path);
    }
    return paths;
  },
});

function joined(levels: string[]): string {
  let kept = 0;
  for (const level of levels) {
    const name = trimText(level);
    if (name !== '') levels[kept++] = name;
  }
  levels.length = kept;
  return levels.join(' > ');
}
