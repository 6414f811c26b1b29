import { existsSync } from 'node:fs';
import { ENTITY_NAMES } from '../canonical/entities.ts';
import { TributaryError } from '../errors.ts';
import { type CaseReport, runCases } from '../mapping/cases.ts';
import { checkMapping } from '../mapping/check.ts';
import { newMapping } from '../mapping/draft.ts';
import { casesFile, describeProblem, loadMapping, loadOutgoing, mappingName, readText } from '../mapping/load.ts';
import { checkOutgoing } from '../mapping/outgoing-check.ts';
import { isOutgoing } from '../mapping/outgoing-parse.ts';
import { previewRecords, schemaOfRecords } from '../mapping/preview.ts';
import type { FileProblem } from '../mapping/types.ts';
import type { Samples } from '../run/sample-stream.ts';
import { command, count, EXIT, many, one, word, words } from './command.ts';
import { sampleConnection } from './connections.ts';
import type { CommandContext } from './context.ts';
import { chosenFiles, configIfSound, declaredSchema, declaredTarget } from './mapping-files.ts';
import { counted, json, plain } from './render.ts';
import { parseSettings, sampleFile, settingsFor } from './sample-file.ts';
import { hasProblems, samplesText } from './sample-text.ts';

const NAMES = many('Files, or names of mappings; none: all of the mappings folder');
const FILE = word('<file>', 'A sample file');
const CONNECTION = word('<connection/stream>', 'Live records of a configured stream');
const SETTINGS = words(
  '<name=value>',
  'How the file is written, such as delimiter=semicolon or encoding=win1252 (settings of the connector feed)',
);
/** Where records come from decides where a command runs. */
const whereSampled = (options: Readonly<Record<string, unknown>>) =>
  options['connection'] === undefined ? 'here' : 'program';

export const mappingCheck = command({
  path: 'mapping check',
  about: 'Check mapping files before they run: all problems at once, each with its line',
  args: { mappings: NAMES },
  options: { file: FILE, set: SETTINGS },
  examples: [
    ['tributary mapping check', 'all of the mappings folder'],
    ['tributary mapping check mappings/mine.yaml --file sample.csv', 'one, against the columns of a sample'],
  ],
  where: 'here',
  async run(context, { args, options }) {
    const config = configIfSound(context);
    const problems: FileProblem[] = [];
    const files = chosenFiles(context, args.mappings);
    for (const file of files) {
      const name = mappingName(file);
      const text = readText(file);
      if (isOutgoing(text)) {
        problems.push(...checkOutgoing(text, file, await declaredTarget(name, text)).problems);
        continue;
      }
      const schema =
        options.file === undefined
          ? await declaredSchema(config, name)
          : await schemaOfFile(context, options.file, { ...settingsFor(config, name), ...parseSettings(options.set) });
      problems.push(...checkMapping(text, file, schema).problems);
    }
    const errors = problems.filter((problem) => problem.severity === 'error').length;
    if (context.json) await context.out(json({ files, problems }));
    else {
      for (const problem of problems) await context.out(`${plain(describeProblem(problem))}\n`);
      await context.out(
        `${counted(files.length, 'mapping')} checked: ${counted(errors, 'error')}, ${counted(problems.length - errors, 'warning')}.\n`,
      );
    }
    return errors > 0 ? EXIT.usage : EXIT.ok;
  },
});

async function schemaOfFile(
  context: CommandContext,
  file: string,
  settings: Parameters<typeof sampleFile>[0]['settings'],
) {
  const { records } = await sampleFile({
    file,
    cwd: context.cwd,
    mappings: [],
    limit: 200,
    settings,
    signal: context.signal,
  });
  return schemaOfRecords(records.map((record) => record.decoded));
}

export const mappingTest = command({
  path: 'mapping test',
  about: 'Run the cases beside mapping files, and say which rules no case has used',
  args: { mappings: NAMES },
  options: {},
  examples: [
    ['tributary mapping test', 'all mappings that have cases'],
    ['tributary mapping test inventory-csv', 'one'],
  ],
  where: 'here',
  async run(context, { args }) {
    const reports: { readonly mapping: string; readonly report: CaseReport | null }[] = [];
    for (const file of chosenFiles(context, args.mappings)) {
      const cases = casesFile(file);
      const text = readText(file);
      const target = isOutgoing(text) ? await declaredTarget(mappingName(file), text) : null;
      const report = cases !== null && existsSync(cases) ? runCases(text, file, readText(cases), cases, target) : null;
      reports.push({ mapping: mappingName(file), report });
    }
    if (context.json)
      await context.out(
        json(
          reports.map(({ mapping, report }) => ({
            mapping,
            ...(report ?? { ok: null, results: [], coverage: null, problems: [] }),
          })),
        ),
      );
    else
      for (const { mapping, report } of reports)
        await context.out(report ? reportText(mapping, report) : `${mapping}: no cases\n`);
    if (reports.some(({ report }) => report?.problems.some((problem) => problem.severity === 'error')))
      return EXIT.usage;
    return reports.every(({ report }) => report?.ok !== false) ? EXIT.ok : EXIT.failed;
  },
});

function reportText(mapping: string, { results, coverage, problems }: CaseReport): string {
  const failed = results.filter((result) => !result.ok);
  const lines = [
    `${mapping}: ${counted(results.length, 'case')}, ${failed.length === 0 ? 'all as expected' : `${failed.length} not as expected`}${coverage ? `; ${coverage.used} of ${coverage.rules} rules used` : ''}\n`,
  ];
  for (const problem of problems) lines.push(`  ${plain(describeProblem(problem))}\n`);
  for (const result of failed) {
    lines.push(`  ${plain(result.place)} ${plain(result.name)}\n`);
    for (const { path, expected, actual, rule } of result.differences)
      lines.push(
        `    ${plain(path)}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}${rule ? ` (${rule})` : ''}\n`,
      );
  }
  for (const { place, what } of coverage?.unused ?? []) lines.push(`  not used: ${plain(place)} ${plain(what)}\n`);
  return lines.join('');
}

export const mappingPreview = command({
  path: 'mapping preview',
  about: 'Show what a mapping makes of sample records; nothing is stored',
  args: { mapping: one('A file, or the name of a mapping') },
  options: { file: FILE, connection: CONNECTION, set: SETTINGS, limit: count('<n>', 'At most so many records', 5) },
  examples: [
    ['tributary mapping preview inventory-csv --file stock.csv', 'without store or network'],
    ['tributary mapping preview mine --file stock.txt --set delimiter=tab', 'a file with tabs'],
    ['tributary mapping preview products --connection shop/products', 'live records'],
  ],
  where: whereSampled,
  async run(context, { args, options }) {
    const [file = ''] = chosenFiles(context, [args.mapping]);
    if (isOutgoing(readText(file))) return previewOutgoing(context, file, options);
    const mapping = loadMapping(file);
    const samples = await samplesOf(
      context,
      options,
      settingsFor(configIfSound(context), mapping.name),
      mapping.groupBy === null ? [] : [mapping],
    );
    const records = samples.records.map((sample) => ({
      ...sample,
      results:
        sample.problem === null
          ? [
              {
                mapping: mapping.name,
                result: mapping.map(sample.decoded, { page: sample.context, position: sample.position }),
              },
            ]
          : [],
    }));
    const shown = { ...samples, records };
    const { counts, fields } = previewRecords(
      mapping,
      records.map((record) => record.decoded),
      records[0]?.context ?? {},
    );
    if (context.json) await context.out(json({ ...shown, counts, fields }));
    else {
      await context.out(samplesText(shown));
      await context.out(
        `\n${counted(records.length, 'record')}: ${Object.entries(counts)
          .map(([kind, number]) => `${number} ${kind}`)
          .join(', ')}\n`,
      );
      for (const [field, { filled, empty }] of Object.entries(fields))
        await context.out(
          `  ${field}: filled ${filled}${Object.entries(empty)
            .map(([why, times]) => `, ${plain(why)} ${times}`)
            .join('')}\n`,
        );
    }
    return hasProblems(shown) ? EXIT.attention : EXIT.ok;
  },
});

/** Entities of a file, as the vendor would be told about them. */
async function previewOutgoing(context: CommandContext, file: string, options: Where): Promise<number> {
  const outgoing = loadOutgoing(file);
  const { records } = await samplesOf(context, options, {}, []);
  const results = records.flatMap(({ decoded, problem }) =>
    problem === null && typeof decoded === 'object' && decoded !== null && !Array.isArray(decoded)
      ? [outgoing.map(decoded)]
      : [],
  );
  if (context.json) await context.out(json({ results }));
  else for (const result of results) await context.out(`${plain(JSON.stringify(result, null, 2))}\n`);
  return results.every(({ kind }) => kind !== 'rejected') ? EXIT.ok : EXIT.attention;
}

type Where = {
  readonly file: string | undefined;
  readonly connection: string | undefined;
  readonly set: readonly string[];
  readonly limit: number;
};

/** Records from a file or a connection. @throws ERR_CLI_USAGE when neither or both are named */
async function samplesOf(
  context: CommandContext,
  { file, connection, set, limit }: Where,
  settings: Parameters<typeof sampleFile>[0]['settings'],
  mappings: Parameters<typeof sampleFile>[0]['mappings'],
): Promise<Samples> {
  if ((file === undefined) === (connection === undefined))
    throw new TributaryError('ERR_CLI_USAGE', 'Records come from --file or from --connection: name one of them.');
  if (file !== undefined)
    return sampleFile({
      file,
      cwd: context.cwd,
      mappings,
      limit,
      settings: { ...settings, ...parseSettings(set) },
      signal: context.signal,
    });
  return sampleConnection(context, connection ?? '', { limit, map: false });
}

export const mappingNew = command({
  path: 'mapping new',
  about: 'Write the first draft of a mapping from sample records, to stdout',
  args: {},
  options: {
    file: FILE,
    connection: CONNECTION,
    entity: word('<entity>', `What each record becomes: ${[...ENTITY_NAMES, 'stock'].join(', ')}`),
    set: SETTINGS,
    limit: count('<n>', 'Look at so many records', 200),
  },
  examples: [
    [
      'tributary mapping new --file products.csv --entity product > mappings/mine.yaml',
      'then correct it, and mapping check',
    ],
    ['tributary mapping new --connection shop/orders --entity order', 'from live records'],
  ],
  where: whereSampled,
  async run(context, { options }) {
    const entity = [...ENTITY_NAMES, 'stock' as const].find((name) => name === options.entity);
    if (!entity) {
      throw new TributaryError(
        'ERR_CLI_USAGE',
        options.entity === undefined
          ? 'Nothing says what the records become.'
          : `There is no entity ${options.entity}.`,
        { remedy: `Use --entity with one of ${ENTITY_NAMES.join(', ')}, stock.` },
      );
    }
    const samples = await samplesOf(context, options, {}, []);
    const decoded = samples.records.flatMap((record) => (record.problem === null ? [record.decoded] : []));
    if (decoded.length === 0)
      throw new TributaryError(
        'ERR_EXTRACT_PARSE',
        `No record could be read${samples.problems[0] ? `: ${samples.problems[0].message}` : ''}.`,
      );
    const text = newMapping(decoded, entity);
    await context.out(context.json ? json({ entity, mapping: text }) : text);
    return EXIT.ok;
  },
});
