import type { App } from '../app.ts';
import { ENTITY_NAMES, type EntityName } from '../canonical/entities.ts';
import { parseId } from '../canonical/ids.ts';
import { TributaryError } from '../errors.ts';
import { type Explained, type ExplainedField, explain, type Origin } from '../load/explain.ts';
import { type ExplainedLevel, type ExplainedStock, explainStock, type Movement } from '../load/explain-stock.ts';
import { type WrittenTo, writtenTo } from '../publish/written.ts';
import { command, count, EXIT, maybe, one } from './command.ts';
import { counted, json, plain, when } from './render.ts';

export const explainCommand = command({
  path: 'explain',
  about:
    'Say why a value is what it is: connection, record, raw version, mapping rule and run, and what lost against it',
  details: 'Evaluated again each time from the raw records and the mapping versions they were loaded with.',
  args: {
    entity: one(`${ENTITY_NAMES.join(', ')} or stock`),
    key: one('Its id (var_…) or a match key such as its SKU'),
    field: maybe('Only this field; for stock: only this location'),
  },
  options: { movements: count('<n>', 'Stock: show at most so many movements of each level', 10) },
  examples: [
    ['tributary explain product TEN-001', 'every field'],
    ['tributary explain variant TEN-001 price', 'one field'],
    ['tributary explain stock TEN-001', 'movements, authority and what others report'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    const app = await context.app();
    const { tenant } = app.streams;
    if (args.entity === 'stock') {
      const stock = await explainStock(app.store, {
        tenant,
        key: args.key,
        location: args.field,
        movements: options.movements,
      });
      const written = await writtenAs(app, 'stock', stock.variant);
      await context.out(context.json ? json({ ...stock, written }) : stockText(args.key, stock) + writtenText(written));
      return EXIT.ok;
    }
    const entity = ENTITY_NAMES.find((name) => name === args.entity);
    if (!entity)
      throw new TributaryError('ERR_CLI_USAGE', `There is no entity ${args.entity}.`, {
        remedy: `Use one of ${ENTITY_NAMES.join(', ')}, stock.`,
      });
    const explained = await explain({ ...app.runs.load, decodeOf: app.decodeOf }, tenant, entity, args.key, args.field);
    const written = await writtenAs(app, entity, explained.id);
    await context.out(context.json ? json({ ...explained, written }) : explainedText(explained) + writtenText(written));
    return EXIT.ok;
  },
});

async function writtenAs(
  { store, streams }: Pick<App, 'store' | 'streams'>,
  entity: EntityName | 'stock',
  id: string | null,
): Promise<readonly WrittenTo[]> {
  const number = id === null ? null : parseId(entity === 'stock' ? 'variant' : entity, id);
  return number === null ? [] : writtenTo(store, streams.tenant, entity, number);
}

/** Which vendors were told, under which id, and what became of the last write. */
const writtenText = (written: readonly WrittenTo[]): string =>
  written
    .map(({ connection, stream, part, externalId, fields, last }) => {
      const where = `${connection}/${stream}${part ? ` (${plain(part)})` : ''}`;
      const holds = fields.length > 0 ? `, which holds our ${fields.map(plain).join(', ')}` : '';
      const message = last?.message ? `: ${plain(last.message)}` : '';
      const write = last ? `  last write: ${last.action} ${last.state} at ${when(last.at)} UTC${message}\n` : '';
      return `\nwritten to ${where} as ${externalId === null ? '(not there yet)' : plain(externalId)}${holds}\n${write}`;
    })
    .join('');

function explainedText(of: Explained): string {
  return `${of.entity} ${of.id}${of.archived ? ' (archived: no source speaks of it any more)' : ''}\n${of.fields.map(fieldText).join('')}`;
}

function fieldText({ field, value, decided, winner, losers, none }: ExplainedField): string {
  const lines = [`\n${field} = ${value === null ? 'null' : plain(value)}\n`];
  if (decided) lines.push(`  decided by ${plain(decided.by)} at ${when(decided.at)} UTC\n`);
  if (winner) lines.push(originText(winner));
  if (none) lines.push(`  ${plain(none)}\n`);
  for (const loser of losers)
    lines.push(
      `  lost: ${loser.value === null ? 'null' : plain(loser.value)}, because ${plain(loser.why)}\n${originText(loser, '    ')}`,
    );
  return lines.join('');
}

function originText(origin: Origin, indent = '  '): string {
  const steps = origin.steps.map((step) => `${step.call} → ${plain(step.result) || 'null'}`).join(', ');
  const lines = [
    `record ${origin.connection}/${origin.stream} ${plain(origin.externalId)}, changed ${when(origin.changedAt)} UTC`,
    `raw version ${origin.page}/${origin.slot}, observed ${when(origin.observedAt)} UTC by ${origin.run}`,
    `rule ${origin.rule ?? '(filled as empty)'} of mapping ${origin.mapping} ${origin.mappingVersion.slice(0, 12)}${origin.sources.length > 0 ? `, from ${origin.sources.map(plain).join(', ')}` : ''}`,
    ...(steps ? [`steps ${steps}`] : []),
    ...(origin.reason ? [`empty: ${plain(origin.reason)}`] : []),
  ];
  return lines.map((line) => `${indent}${line}\n`).join('');
}

function stockText(key: string, stock: ExplainedStock): string {
  const { variant, sku, levels, waiting } = stock;
  const head = variant
    ? `variant ${variant}, SKU ${plain(sku) || '(none)'}\n`
    : `No variant carries ${plain(key)} yet.\n`;
  const waits = waiting.map(
    (one) =>
      `\nwaiting: ${one.connection}/${one.stream} reports ${one.quantity} at ${plain(one.location)} as of ${when(one.asOf)} UTC, for a variant that is not known yet\n`,
  );
  return [head, ...levels.map(levelText), ...waits].join('');
}

function levelText(level: ExplainedLevel): string {
  const { authority, ledger, quantity, reserved, committed, available } = level;
  const speaker = authority
    ? authority.externalId === null
      ? `nobody (${authority.connection}/${authority.stream} spoke last; the next who may speak takes it over)`
      : `${authority.connection}/${authority.stream} record ${plain(authority.externalId)}`
    : 'the platform';
  const sum = ledger.sum === quantity ? `${ledger.sum}` : `${ledger.sum} AND NOT TO ${quantity}`;
  return [
    `\n${plain(level.location)}: quantity ${quantity}, reserved ${reserved}, sold and not yet counted ${committed}, available ${available}\n`,
    `  authority ${speaker}, as of ${when(level.asOf)} UTC\n`,
    `  ${counted(ledger.movements, 'movement')}, the sum is ${sum}\n`,
    ...level.movements.map(movementText),
    ...level.observations.map(
      (seen) =>
        `  ${seen.connection}/${seen.stream} reports ${seen.quantity} as of ${when(seen.asOf)} UTC: drift ${signed(seen.drift)}\n`,
    ),
  ].join('');
}

function movementText({ delta, reason, asOf, connection, stream, externalId, run, note }: Movement): string {
  const by = run ? ` by ${run}` : '';
  const from = connection ? ` ${connection}/${stream}${externalId ? ` ${plain(externalId)}` : ''}${by}` : '';
  return `  ${signed(delta)} ${reason} as of ${when(asOf)} UTC${from}${note ? ` (${plain(note)})` : ''}\n`;
}

const signed = (number: number): string => `${number >= 0 ? '+' : ''}${number}`;
