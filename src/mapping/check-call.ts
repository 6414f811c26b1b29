/** Checks a pipeline: functions, their arguments, and the types that flow through. */
import { normaliseDecimal } from '../canonical/decimal.ts';
import { isZone, zoneNames } from '../canonical/time.ts';
import { parseFormat } from '../canonical/time-format.ts';
import type { Argument, Call, Literal, Span, TableRule } from './ast.ts';
import { isPrepared, specOf } from './emit-call.ts';
import type { ArgumentSpec, MappingFunction, ValueType } from './functions/define.ts';
import { FUNCTIONS } from './functions.ts';
import type { NodeType } from './infer.ts';
import { patternFault } from './pattern.ts';
import type { Problems } from './position.ts';
import { didYouMean } from './suggest.ts';

export type CallCheck = {
  readonly problems: Problems;
  readonly tables: ReadonlyMap<string, TableRule>;
  readonly usedTables: Set<string>;
  readonly checkArgument: (argument: Argument) => void;
};

/** What to write between two types that do not fit. */
const BRIDGES: Readonly<Partial<Record<`${NodeType}>${ValueType}`, string>>> = {
  'text>decimal': 'Add `| decimal`.',
  'text>integer': 'Add `| integer`.',
  'text>boolean': 'Add `| boolean`.',
  'text>timestamp': 'Add `| timestamp("zone")`.',
  'text>date': 'Add `| date`.',
  'text>list': 'Add `| split(",")`.',
  'boolean>text': 'Add `| text`.',
  'list>text': 'Add `| join(", ")` or `| first`.',
  'list>decimal': 'Add `| sum` or `| first`.',
  'list>integer': 'Add `| count` or `| first`.',
  'decimal>integer': 'Add `| integer` (rejects fractions) or `| round(0) | integer`.',
  'timestamp>date': 'Add `| day("zone")`.',
  'json>text': 'Add `| get("name")`.',
  'integer>timestamp': 'Add `| epoch("s")` or `| epoch("ms")`.',
  'decimal>timestamp': 'Add `| epoch("s")` or `| epoch("ms")`.',
};

const WIDER: Readonly<Partial<Record<NodeType, readonly ValueType[]>>> = {
  integer: ['decimal', 'text'],
  decimal: ['text'],
  timestamp: ['text'],
  date: ['text'],
};

const LOSSY: ReadonlySet<string> = new Set(['decimal>integer', 'timestamp>date']);

/** Whether a value of one type can stand where another is wanted; reports when not. */
export function checkFit(
  from: NodeType,
  to: ValueType | 'reference',
  at: Span,
  what: string,
  problems: Problems,
): void {
  if (from === to || to === 'any' || (from === 'any' && to !== 'reference')) return;
  if (to !== 'reference' && WIDER[from]?.includes(to)) return;
  const pair = `${from}>${to}`;
  if (LOSSY.has(pair)) {
    problems.report(at, {
      code: 'lossy-cast',
      message: `${what} takes ${to}; ${from} would lose something.`,
      remedy: bridge(pair),
    });
    return;
  }
  problems.report(at, {
    code: 'type-mismatch',
    message: `${what} takes ${to}, and this is ${from}.`,
    remedy: bridge(pair),
  });
}

function bridge(pair: string): string {
  const found = Object.entries(BRIDGES).find(([known]) => known === pair)?.[1];
  if (found !== undefined) return found;
  return pair.endsWith('>reference')
    ? 'Write {output: name}, {match: field, from: value} or {external: value}.'
    : 'Take another source or another function.';
}

/** Checks one call; gives its declaration, or `null` for an unknown one. */
export function checkCall(call: Call, before: NodeType, check: CallCheck): MappingFunction | null {
  const declared = FUNCTIONS.get(call.name);
  if (declared === undefined) {
    check.problems.report(call.nameAt, {
      code: 'unknown-function',
      message: `There is no function "${call.name}".`,
      remedy: didYouMean(call.name, [...FUNCTIONS.keys()]),
    });
    for (const arg of call.args) check.checkArgument(arg);
    return null;
  }
  const isParsed = before === 'text' && !['json', 'list'].includes(declared.input);
  // Empty values pass by, and texts are read strictly: what cannot be read rejects the record with a reason.
  if (!isParsed) checkFit(before, declared.input, call.nameAt, `"${call.name}"`, check.problems);
  checkCount(call, declared, check.problems);
  call.args.forEach((arg, index) => {
    const spec = specOf(declared, index);
    if (spec !== undefined) checkCallArgument(arg, spec, call, check);
  });
  return declared;
}

function checkCount(call: Call, declared: MappingFunction, problems: Problems): void {
  const least = declared.args.filter((spec) => !spec.optional).length;
  const most = declared.args.at(-1)?.rest ? Number.POSITIVE_INFINITY : declared.args.length;
  const given = call.args.length;
  if (given >= least && given <= most) return;
  const at = given > most ? (call.args[most]?.at ?? call.nameAt) : call.nameAt;
  problems.report(at, {
    code: 'wrong-arguments',
    message: `"${call.name}" takes ${least === most ? least : `${least} to ${most}`} arguments, and ${given} are given.`,
    remedy: `Write ${signature(declared)}.`,
  });
}

/** `round(places, mode?)`. */
export function signature(declared: MappingFunction): string {
  const args = declared.args.map((spec) => `${spec.rest ? '…' : ''}${spec.name}${spec.optional ? '?' : ''}`);
  return args.length === 0 ? declared.name : `${declared.name}(${args.join(', ')})`;
}

function checkCallArgument(arg: Argument, spec: ArgumentSpec, call: Call, check: CallCheck): void {
  const report = (code: string, message: string, remedy: string): void =>
    check.problems.report(arg.at, { code, message, remedy });
  if (spec.kind === 'table') {
    checkTable(arg, check, report);
    return;
  }
  if (isPrepared(spec.kind)) {
    if (arg.kind === 'literal' && typeof arg.value === 'string') {
      checkPrepared(arg.value, spec, report);
      return;
    }
    report(
      'wrong-arguments',
      `"${spec.name}" of ${call.name} must be a constant text.`,
      `Write it in quotes: ${spec.about}.`,
    );
    return;
  }
  if (arg.kind !== 'literal') {
    check.checkArgument(arg);
    return;
  }
  checkLiteral(arg, spec, call, check, report);
}

type Report = (code: string, message: string, remedy: string) => void;

function checkLiteral(arg: Literal, spec: ArgumentSpec, call: Call, check: CallCheck, report: Report): void {
  const { value } = arg;
  if (spec.kind === 'any') return;
  if (value === null) {
    report('wrong-arguments', `"${spec.name}" of ${call.name} cannot be null.`, `Write ${spec.about}.`);
    return;
  }
  if (spec.kind === 'integer') {
    const isWhole =
      typeof value === 'number' &&
      value >= (spec.min ?? Number.MIN_SAFE_INTEGER) &&
      value <= (spec.max ?? Number.MAX_SAFE_INTEGER);
    if (!isWhole)
      report(
        'wrong-arguments',
        `"${spec.name}" of ${call.name} is a whole number${spec.min === undefined ? '' : ` from ${spec.min} to ${spec.max}`}.`,
        `Write ${spec.about}.`,
      );
  } else if (spec.kind === 'decimal') {
    if (typeof value === 'boolean' || normaliseDecimal(String(value)) === null)
      report('wrong-arguments', `"${spec.name}" of ${call.name} is a number.`, `Write ${spec.about}.`);
  } else if (typeof value !== 'string')
    report('wrong-arguments', `"${spec.name}" of ${call.name} is a text.`, 'Put it in quotes.');
  else checkKnownText(value, call, check, report);
}

/** Constants of single functions that can be judged before any record comes. */
function checkKnownText(value: string, call: Call, check: CallCheck, report: Report): void {
  if (call.name === 'grams' || call.name === 'from_minor') {
    const declared = FUNCTIONS.get(call.name);
    const run: ((value: never, ...args: never[]) => unknown) | undefined = declared?.run;
    const probe = call.name === 'grams' ? '1' : 1;
    const made = run === undefined ? '' : (run as (probe: unknown, text: string) => unknown)(probe, value);
    if (typeof made !== 'string')
      report(
        'wrong-arguments',
        `"${value}" is unknown to ${call.name}.`,
        call.name === 'grams'
          ? didYouMean(value, ['g', 'kg', 'mg', 'oz', 'lb', 't'])
          : 'Write an ISO 4217 code such as "EUR".',
      );
  }
  if (call.name !== 'lookup') return;
  const table = check.tables.get(tableName(call.args[0]));
  const columns = new Set(
    [...(table?.entries.values() ?? [])].flatMap((entry) =>
      entry.value !== null && typeof entry.value === 'object' ? Object.keys(entry.value) : [],
    ),
  );
  if (table !== undefined && !columns.has(value))
    report('wrong-arguments', `No entry of the table has "${value}".`, didYouMean(value, [...columns]));
}

function tableName(arg: Argument | undefined): string {
  if (arg === undefined) return '';
  return arg.kind === 'path' ? arg.text : arg.kind === 'literal' ? String(arg.value) : arg.name;
}

function checkTable(arg: Argument, check: CallCheck, report: Report): void {
  const name = tableName(arg);
  check.usedTables.add(name);
  if (!check.tables.has(name))
    report('unknown-table', `There is no table "${name}".`, didYouMean(name, [...check.tables.keys()]));
}

function checkPrepared(value: string, spec: ArgumentSpec, report: Report): void {
  if (spec.kind === 'zone' && !isZone(value))
    report(
      'bad-zone',
      `"${value}" is no time zone.`,
      didYouMean(
        value,
        zoneNames().filter((zone) => zone.includes('/') || zone === 'UTC'),
      ).replace(/^There is .*/, 'Write an IANA name such as "Europe/Berlin", or "UTC".'),
    );
  if (spec.kind === 'choice' && !spec.values?.includes(value))
    report('wrong-arguments', `"${value}" is no ${spec.name}.`, didYouMean(value, spec.values ?? []));
  if (spec.kind === 'pattern') {
    const fault = patternFault(value);
    if (fault !== null)
      report(
        'bad-pattern',
        `The regular expression cannot be used: ${fault}.`,
        'Write it in RE2 syntax (no look-around, no back references).',
      );
  }
  if (spec.kind === 'format') {
    const format = parseFormat(value);
    if (typeof format === 'string')
      report('bad-format', `The date format cannot be used: ${format}.`, 'Write it like "dd.MM.yyyy HH:mm".');
  }
}
