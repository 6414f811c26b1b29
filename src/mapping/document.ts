/** The part of docs/mapping.md that is made from the declarations. */
import { signature } from './check-call.ts';
import type { MappingFunction } from './functions/define.ts';
import { FUNCTIONS } from './functions.ts';

const BEGIN = '<!-- functions: made by scripts/mapping-docs.ts, do not edit -->';
const END = '<!-- functions end -->';

const GROUPS: Readonly<Record<MappingFunction['group'], string>> = {
  text: 'Text',
  empty: 'Empty values',
  number: 'Numbers, money, weights',
  time: 'Time',
  list: 'Lists',
  logic: 'Truth and tables',
  identifier: 'Identifiers',
  object: 'Objects',
};

/** The text of the document with its function tables made anew. */
export function documentFunctions(text: string): string {
  const start = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (start < 0 || end < start) throw new RangeError('docs/mapping.md has lost the marks around its function tables');
  return `${text.slice(0, start)}${BEGIN}\n\n${tables()}\n${text.slice(end)}`;
}

function tables(): string {
  const declared = [...FUNCTIONS.values()];
  return Object.entries(GROUPS)
    .map(([group, title]) => {
      const rows = declared.filter((one) => one.group === group).map(row);
      return `### ${title}\n\n| function | takes → gives | what it does | example |\n|---|---|---|---|\n${rows.join('\n')}\n`;
    })
    .join('\n');
}

function row(declared: MappingFunction): string {
  const args = declared.args.map(
    (spec) =>
      `${spec.name}: ${spec.about}${spec.values === undefined ? '' : ` (${spec.values.map((value) => `"${value}"`).join(', ')})`}`,
  );
  const about = [declared.about, ...(args.length > 0 ? [`*${args.join('; ')}.*`] : [])].join(' ');
  const example = declared.examples
    .map(
      (one) =>
        `\`${JSON.stringify(one.input)}\` \`${one.call}\` → ${'fault' in one ? `rejected: ${one.fault}` : `\`${JSON.stringify(one.output)}\``}`,
    )
    .join('<br>');
  return `| \`${signature(declared)}\` | ${declared.input} → ${declared.output} | ${about} | ${example} |`.replaceAll(
    '\n',
    '\\n',
  );
}
