/** Text for people: tables, lists of facts, times, and the one rendering of errors. */
import { stripVTControlCharacters } from 'node:util';
import { asTributaryError, ERRORS, type TributaryError } from '../errors.ts';
import { redactText } from '../observe/log.ts';

/** A value on one line, without anything a terminal would obey. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Date) return when(value);
  const text = typeof value === 'string' ? value : typeof value === 'object' ? JSON.stringify(value) : String(value);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return stripVTControlCharacters(text).replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}

/** `2026-11-21 08:00:00 UTC`. */
export function when(time: Date | string | null): string {
  if (time === null) return '';
  const iso = time instanceof Date ? time.toISOString() : time;
  return `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
}

export type Column<Row> = {
  readonly title: string;
  readonly of: (row: Row) => unknown;
  /** Numbers stand right. */
  readonly right?: true;
};

/** A table without frames: easy to read, easy to cut. The last column is shortened to the terminal. */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[], width: number | null = null): string {
  const cells = rows.map((row) => columns.map((column) => plain(column.of(row))));
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const line = (texts: readonly string[]) => {
    const padded = texts.map((text, at) => {
      const room = widths[at] ?? 0;
      return columns[at]?.right ? text.padStart(room) : text.padEnd(room);
    });
    const whole = padded.join('  ').trimEnd();
    return width !== null && whole.length > width ? `${whole.slice(0, Math.max(1, width - 1))}…` : whole;
  };
  return `${[line(columns.map((column) => column.title)), ...cells.map(line)].join('\n')}\n`;
}

/** `name: value` lines, the names padded. Empty values are left out. */
export function facts(of: Readonly<Record<string, unknown>>, indent = ''): string {
  const shown = Object.entries(of).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${indent}${name.padEnd(width)}  ${plain(value)}\n`).join('');
}

/** `1 run`, `3 runs`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;

export const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** What went wrong, as `--json` shows it. */
export type RenderedError = {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly remedy: string;
    readonly evidence: TributaryError['evidence'];
  };
};

export function errorAsJson(thrown: unknown): RenderedError {
  const { code, message, remedy, evidence } = asTributaryError(thrown);
  return { error: { code, message: redactText(message), remedy: redactText(remedy), evidence } };
}

/** What happened, to what, where, what to do, and the code. A stack only for a defect of the program. */
export function errorAsText(thrown: unknown): string {
  const error = asTributaryError(thrown);
  const [first = '', ...more] = redactText(error.message).split('\n');
  const evidence = Object.entries(error.evidence).filter(([name]) => name !== 'problems');
  const where = evidence.map(([name, value]) => ` ${name}=${plain(value)}`).join('');
  const stack =
    error.code === 'ERR_INTERNAL' && error.cause instanceof Error ? `${redactText(error.cause.stack ?? '')}\n` : '';
  const body = more.map((line) => `  ${stripVTControlCharacters(line)}\n`).join('');
  return `error: ${plain(first)}\n${body}  ${plain(error.remedy)}\n  [${error.code}]${where}\n${stack}`;
}

/** Exit code of a command that ended with an error. */
export const exitOf = (thrown: unknown): number => ERRORS[asTributaryError(thrown).code].exit;
