import { access, constants, copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONFIG_FILE } from '../config/load.ts';
import { TributaryError } from '../errors.ts';
import { command, EXIT } from './command.ts';
import { json } from './render.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const init = command({
  path: 'init',
  about: 'Write a documented tributary.yaml, .env.example and a folder for mappings',
  details: 'Nothing that is there already is changed.',
  args: {},
  options: {},
  examples: [
    ['tributary init', 'in this folder'],
    ['tributary init --dir /srv/acme', 'in another'],
  ],
  where: 'here',
  async run(context) {
    const { dir } = context;
    const config = join(dir, CONFIG_FILE);
    if (await exists(config))
      throw new TributaryError('ERR_CLI_USAGE', `${config} is there already, and is not overwritten.`, {
        remedy: 'Edit it, or name another folder with --dir.',
      });
    const made: string[] = [];
    const kept: string[] = [];
    for (const folder of [dir, join(dir, 'mappings'), join(dir, 'feeds')]) {
      if (await exists(folder)) continue;
      await mkdir(folder, { recursive: true });
      made.push(folder);
    }
    for (const [from, to] of [
      ['tributary.example.yaml', config],
      ['.env.example', join(dir, '.env.example')],
    ] as const) {
      if (await exists(to)) kept.push(to);
      else {
        // COPYFILE_EXCL: whatever turned up since is not overwritten either.
        await copyFile(join(ROOT, from), to, constants.COPYFILE_EXCL);
        made.push(to);
      }
    }
    if (context.json) await context.out(json({ made, kept }));
    else {
      for (const path of made) await context.out(`made  ${path}\n`);
      for (const path of kept) await context.out(`kept  ${path}\n`);
      await context.err('Next: edit tributary.yaml, then tributary doctor, then tributary start.\n');
    }
    return EXIT.ok;
  },
});

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
