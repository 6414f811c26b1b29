import { listRecords, RECORD_STATES, type RecordView, showRecord } from '../load/show-record.ts';
import { decodeOf } from '../run/streams.ts';
import { choice, command, EXIT, one, paging } from './command.ts';
import { streamOf } from './lists.ts';
import { facts, json, plain, table, when } from './render.ts';

const STREAM = one('connection/stream');

export const recordsList = command({
  path: 'records list',
  about: 'List what a source sent, in the order it was first seen',
  args: { stream: STREAM },
  options: { state: choice(RECORD_STATES, '<state>', 'Only in this state'), ...paging },
  examples: [
    ['tributary records list feeds/products', 'the first 20'],
    ['tributary records list feeds/products --state deleted', 'those that are gone'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    const app = await context.app();
    const stream = streamOf(app, args.stream);
    const records = await app.store.answer(stream.tenant, (tx) => listRecords(tx, stream.id, options));
    if (context.json) await context.out(json(records));
    else if (records.length === 0) await context.out('No records.\n');
    else {
      await context.out(
        table(records, [
          { title: 'EXTERNAL ID', of: (record) => record.externalId },
          { title: 'STATE', of: (record) => record.state },
          { title: 'VERSION', of: (record) => record.version },
          { title: 'OBSERVED (UTC)', of: (record) => when(record.observedAt) },
          { title: 'RUN', of: (record) => record.run },
          { title: 'SCOPE', of: (record) => record.scope },
        ]),
      );
    }
    return EXIT.ok;
  },
});

export const recordsShow = command({
  path: 'records show',
  about: 'Show one record from end to end: raw versions, what they say, and the canonical rows',
  args: { stream: STREAM, externalId: one('Its id at the source, as records list shows it') },
  options: {},
  examples: [['tributary records show feeds/products TEN-001', 'raw, contributions and canonical rows']],
  where: 'program',
  async run(context, { args }) {
    const app = await context.app();
    const stream = streamOf(app, args.stream);
    const record = await showRecord(app.runs.load, stream, decodeOf(stream.connector), args.externalId);
    await context.out(
      context.json
        ? json({ connection: stream.connection, stream: stream.name, ...record })
        : recordText(args.stream, record),
    );
    return EXIT.ok;
  },
});

function recordText(stream: string, record: RecordView): string {
  const parts = [`${stream} ${plain(record.externalId)}: ${record.state}\n`];
  record.versions.forEach((version, at) => {
    parts.push(
      `\n${at === 0 ? 'current version' : 'earlier version'}, observed ${when(version.observedAt)} UTC by ${version.run} (${version.page}${version.version === null ? '' : `, version ${version.version}`}, ${version.state})\n`,
    );
    if (version.state === 'erased') parts.push('  nothing of it is kept: the person asked to be forgotten\n');
    for (const raw of version.raw) parts.push(`  raw  ${plain(raw)}\n`);
    if (at === 0 && isObject(version.decoded)) parts.push(facts(version.decoded, '    '));
  });
  for (const said of record.contributions) {
    const row = record.rows.find((one) => one.id === said.id);
    parts.push(
      `\n${said.entity} ${said.id}${row?.archived ? ' (archived)' : ''}, from output ${said.output} of mapping ${said.mapping}${said.state === 'live' ? '' : ` (${said.state})`}\n`,
    );
    parts.push(sideBySide(said.values, row?.values ?? {}));
  }
  for (const letter of record.deadLetters)
    parts.push(
      `\ndead letter ${letter.id} (${letter.code}), last tried ${when(letter.lastAt)} UTC: tributary deadletters show ${letter.id}\n`,
    );
  return parts.join('');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What the record says, and what the row holds. */
function sideBySide(says: Readonly<Record<string, unknown>>, row: Readonly<Record<string, unknown>>): string {
  const fields = [...new Set([...Object.keys(says), ...Object.keys(row)])].filter(
    (field) => plain(says[field]) !== '' || plain(row[field]) !== '',
  );
  return table(fields, [
    { title: '  FIELD', of: (field) => `  ${field}` },
    { title: 'THE RECORD SAYS', of: (field) => short(field in says ? says[field] : '(no opinion)') },
    { title: 'THE ROW HOLDS', of: (field) => short(row[field]) },
  ]);
}

const LONGEST = 60;
const short = (value: unknown): string => {
  const text = plain(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
};
