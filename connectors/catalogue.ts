/** The list of connectors in docs/connectors.md, made from what the connectors declare. `node connectors/catalogue.ts` writes it anew. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Connector, type StreamDeclaration, z } from '../src/connector/index.ts';
import { findConnectors } from './index.ts';

const START = '<!-- catalogue: written by `node connectors/catalogue.ts` -->';
const END = '<!-- end of catalogue -->';

/** The catalogue as Markdown, connectors in the order given. */
export function renderCatalogue(connectors: Iterable<Connector>): string {
  return [...connectors].map(renderConnector).join('\n');
}

/**
 * The page with the catalogue between its markers replaced.
 * @throws RangeError when the page has no markers
 */
export function withCatalogue(page: string, catalogue: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start < 0 || end < start) throw new RangeError(`the page lacks the lines ${START} and ${END}`);
  return `${page.slice(0, start + START.length)}\n${catalogue}${page.slice(end)}`;
}

function renderConnector(connector: Connector): string {
  const docs = connector.docs.startsWith('https:')
    ? `[vendor documentation](${connector.docs})`
    : `[${connector.docs}](../${connector.docs})`;
  const head = [
    `### ${connector.title} (\`${connector.name}\`)`,
    '',
    `Directions: ${connector.directions.join(', ')} · ${docs} · [folder](../connectors/${connector.name}/)`,
    '',
  ];
  const settings = [
    '| Setting | |',
    '|---|---|',
    ...settingsOf(connector).map(([path, about]) => `| \`${path}\` | ${cell(about)} |`),
    '',
  ];
  return [...head, ...settings, ...renderStreams(connector.streams), ''].join('\n');
}

function renderStreams(streams: readonly StreamDeclaration[] | undefined): readonly string[] {
  if (!streams) return ['Its streams are those the settings name.'];
  const header = [
    '| Stream | What | Cursor | Upper bound / overlap | Deletes | Seen only by a sweep |',
    '|---|---|---|---|---|---|',
  ];
  return [...header, ...streams.map(renderStream)];
}

function renderStream(stream: StreamDeclaration): string {
  const bounds =
    stream.cursor === 'keyset' ? `${duration(stream.visibilityLagMs)} / ${duration(stream.overlapMs)}` : '';
  const horizon =
    stream.tombstoneHorizonMs === undefined ? '' : ` (tombstones for ${duration(stream.tombstoneHorizonMs)})`;
  const blind = stream.blindFields.map((path) => `\`${path}\``).join(', ');
  return `| \`${stream.name}\` | ${cell(stream.about)} | ${stream.cursor}, ${stream.mode} | ${bounds} | ${stream.deletes.join(', ')}${horizon} | ${blind} |`;
}

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
] as const;

function duration(ms: number): string {
  const [unit, size] = UNITS.find(([, size]) => ms >= size && ms % size === 0) ?? ['ms', 1];
  return `${ms / size} ${unit}`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('\n', ' ');
}

type SettingLine = readonly [path: string, about: string];

function settingsOf(connector: Connector): readonly SettingLine[] {
  const lines = new Map<string, string>();
  const visit = (node: unknown, path: string): void => {
    if (!isNode(node)) return;
    if (path !== '' && (node.properties === undefined || node.description !== undefined)) {
      const [before, after] = [lines.get(path) ?? '', aboutOf(node)];
      lines.set(path, before === '' ? after : before.includes(after) ? before : `${before}, ${after}`);
    }
    if (isNode(node.properties))
      for (const [name, child] of Object.entries(node.properties)) visit(child, path === '' ? name : `${path}.${name}`);
    for (const branch of [node.anyOf, node.oneOf].flatMap((list) => (Array.isArray(list) ? list : [])))
      visit(branch, path);
  };
  visit(z.toJSONSchema(connector.config, { io: 'input', unrepresentable: 'any' }), '');
  return [...lines].filter(
    ([path, about]) => about !== '' || ![...lines.keys()].some((other) => other.startsWith(`${path}.`)),
  );
}

function aboutOf(node: { readonly [keyword: string]: unknown }): string {
  const words = [
    typeof node.description === 'string' ? node.description : '',
    typeof node.const === 'string' ? `\`${node.const}\`` : '',
    node.secret === true ? '**secret**' : '',
    isScalar(node.default) ? `default \`${String(node.default)}\`` : '',
  ];
  return words.filter((word) => word !== '').join('; ');
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
}

function isNode(value: unknown): value is { readonly [keyword: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

if (import.meta.main) {
  const path = join(import.meta.dirname, '../docs/connectors.md');
  const { connectors, problems } = await findConnectors();
  if (problems.length > 0)
    throw new AggregateError(
      problems.map((problem) => new Error(problem.message)),
      'the catalogue would be incomplete',
    );
  await writeFile(path, withCatalogue(await readFile(path, 'utf8'), renderCatalogue(connectors.values())));
}
