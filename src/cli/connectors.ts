/** Connectors as code: which there are, and the folder of a new one. */
import { execFile } from 'node:child_process';
import { access, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findConnectors } from '../app.ts';
import { TributaryError } from '../errors.ts';
import { command, EXIT, one } from './command.ts';
import { json, table } from './render.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a new connector starts from; the words stand for its name and for what its functions are called. */
const TEMPLATE = { folder: '_template', name: 'acme', called: 'Acme' };
const TEMPLATES = [
  `connectors/${TEMPLATE.folder}`,
  `src/sandbox/${TEMPLATE.folder}`,
  `test/connectors/${TEMPLATE.folder}.test.ts`,
];
const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const MOST_LETTERS = 40;

export const connectorsList = command({
  path: 'connectors list',
  about: 'List the connectors there are, with their directions and streams',
  args: {},
  options: {},
  examples: [['tributary connectors list', 'one line for each folder in connectors/']],
  where: 'here',
  async run(context) {
    const { connectors, problems } = await findConnectors();
    const rows = [...connectors.values()].map(({ name, title, directions, docs, streams }) => ({
      ...{ name, title, directions, docs },
      streams: streams?.map((stream) => stream.name) ?? null,
    }));
    for (const { message } of problems) await context.err(`${message}\n`);
    const columns = [
      { title: 'CONNECTOR', of: (row: (typeof rows)[number]) => row.name },
      { title: 'FOR', of: (row: (typeof rows)[number]) => row.title },
      { title: 'DIRECTIONS', of: (row: (typeof rows)[number]) => row.directions.join(', ') },
      { title: 'STREAMS', of: (row: (typeof rows)[number]) => row.streams?.join(', ') ?? 'those its settings name' },
    ];
    await context.out(context.json ? json(rows) : table(rows, columns, context.width));
    return problems.length === 0 ? EXIT.ok : EXIT.failed;
  },
});

export const connectorsNew = command({
  path: 'connectors new',
  about: 'Write the folder of a new connector, with a vendor system to test it against',
  details:
    'It reads one stream of a made-up vendor, passes the conformance suite and shows in the catalogue. Replace the vendor by yours, piece by piece.',
  args: { name: one('What it is called: small letters, digits and single hyphens') },
  options: {},
  examples: [['tributary connectors new acme', 'then npm test -- test/connectors/acme.test.ts']],
  where: 'here',
  async run(context, { args: { name } }) {
    if (!NAME.test(name) || name.length > MOST_LETTERS)
      throw new TributaryError('ERR_CLI_USAGE', `"${name}" is no name for a connector.`, {
        remedy: `Use small letters, digits and single hyphens, at most ${MOST_LETTERS}, such as acme or big-shop.`,
      });
    const files = (await Promise.all(TEMPLATES.map(filesUnder))).flat();
    const made = files.map((from) => ({ from, to: join(ROOT, renamed(relative(ROOT, from), name)) }));
    for (const { to } of made)
      if (await exists(to))
        throw new TributaryError('ERR_CLI_USAGE', `${relative(ROOT, to)} is there already, and is not overwritten.`, {
          remedy: 'Choose another name, or remove it first.',
        });
    for (const { from, to } of made) {
      await mkdir(dirname(to), { recursive: true });
      // `wx`: whatever turned up since is not overwritten either.
      await writeFile(to, renamed(await readFile(from, 'utf8'), name), { flag: 'wx' });
    }
    await promisify(execFile)(process.execPath, [join(ROOT, 'connectors/catalogue.ts')], { cwd: ROOT });
    const paths = made.map(({ to }) => relative(ROOT, to));
    if (context.json) await context.out(json({ name, files: paths }));
    else {
      for (const path of paths) await context.out(`made  ${path}\n`);
      await context.err(
        `It shows in docs/connectors.md. Next: npm test -- test/connectors/${name}.test.ts, and docs/connectors.md tells what each part must do.\n`,
      );
    }
    return EXIT.ok;
  },
});

/** The file, or all files under the folder. */
async function filesUnder(path: string): Promise<string[]> {
  const full = join(ROOT, path);
  if (path.endsWith('.ts')) return [full];
  const entries = await readdir(full, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** `acme` is the name, `Acme` begins functions and types, `_template` is the folder. */
const renamed = (text: string, name: string): string =>
  text.replaceAll(TEMPLATE.folder, name).replaceAll(TEMPLATE.called, pascal(name)).replaceAll(TEMPLATE.name, name);

const pascal = (name: string): string =>
  name
    .split('-')
    .map((part) => part.charAt(0).toUpperCase() + part.slice(1))
    .join('');

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
