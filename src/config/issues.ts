import { z } from 'zod';
import type { Json, JsonObject } from '../connector/contract.ts';
import type { FileProblem } from '../mapping/types.ts';
import { pointerTo } from './document.ts';
import { remedyForName } from './suggest.ts';
import type { Place, Positions } from './types.ts';

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** What a schema says about itself, as far as messages need it. */
export type SchemaOutline = {
  readonly type?: string | undefined;
  readonly description?: string | undefined;
  readonly properties?: Readonly<Record<string, SchemaOutline>> | undefined;
  readonly additionalProperties?: SchemaOutline | boolean | undefined;
  readonly items?: SchemaOutline | undefined;
  readonly anyOf?: readonly SchemaOutline[] | undefined;
};

/** Where a value tree came from. `base` is the pointer of its root in the file. */
export type Origin = {
  readonly file: string;
  readonly base: string;
  readonly positions: Positions;
  readonly outline: SchemaOutline;
  /** More names that may stand beside those of the schema's root. */
  readonly alsoKnown?: readonly string[];
};

/** The outline of a zod schema's input. */
export function outlineOf(schema: z.ZodType): SchemaOutline {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as SchemaOutline;
}

/** The part of an outline at a path; unions are searched in order. */
export function outlineAt(outline: SchemaOutline, path: Path): SchemaOutline | null {
  const [head, ...rest] = path;
  if (head === undefined) return outline;
  for (const form of [outline, ...(outline.anyOf ?? [])]) {
    const more = typeof form.additionalProperties === 'object' ? form.additionalProperties : undefined;
    const next = typeof head === 'number' ? form.items : (form.properties?.[String(head)] ?? more);
    const found = next === undefined ? null : outlineAt(next, rest);
    if (found !== null) return found;
  }
  return null;
}

/** Names an object may have at a path. */
function namesAt(origin: Origin, path: Path): string[] {
  const here = outlineAt(origin.outline, path);
  const forms = here === null ? [] : [here, ...(here.anyOf ?? [])];
  const names = forms.flatMap((form) => Object.keys(form.properties ?? {}));
  return path.length === 0 ? [...names, ...(origin.alsoKnown ?? [])] : names;
}

/** Zod's findings as problems in the file, in the order of the file. */
export function problemsOf(issues: readonly Issue[], input: Json, origin: Origin): FileProblem[] {
  return issues
    .flatMap((issue) => describe(issue, [], input, origin))
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

function describe(issue: Issue, prefix: Path, input: Json, origin: Origin): FileProblem[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownName([...path, key], origin));
  if (issue.code === 'invalid_union') {
    const branch = issue.errors.find((errors) =>
      errors.every((error) => error.path.length > 0 || error.code !== 'invalid_type'),
    );
    if (branch) return branch.flatMap((inner) => describe(inner, path, input, origin));
  }
  const about = outlineAt(origin.outline, path)?.description;
  const value = valueAt(input, path);
  if (value === undefined && issue.code !== 'custom') {
    return [problem(path, origin, 'missing', 'is missing.', about ? `Add it: ${about}.` : 'Add it.')];
  }
  if (issue.code === 'invalid_value') {
    const allowed = issue.values.map(String);
    const remedy = typeof value === 'string' ? remedyForName(value, allowed) : '';
    return [
      problem(
        path,
        origin,
        'value',
        `must be one of ${allowed.join(', ')}.`,
        remedy.startsWith('Did') ? remedy : 'Use one of them.',
      ),
    ];
  }
  if (issue.code === 'invalid_type') {
    return [
      problem(
        path,
        origin,
        'type',
        `must be ${WORDS[issue.expected] ?? issue.expected}, not ${kindOf(value)}.`,
        meaning(about),
      ),
    ];
  }
  return [problem(path, origin, 'value', sentence(messageOf(issue)), meaning(about))];
}

const meaning = (about: string | undefined): string => (about ? `It means: ${about}.` : 'Correct the value.');

function messageOf(issue: Issue): string {
  const isNumber = 'origin' in issue && (issue.origin === 'number' || issue.origin === 'int');
  if (issue.code === 'too_big')
    return isNumber ? `must be at most ${issue.maximum}` : `must not be longer than ${issue.maximum}`;
  if (issue.code === 'too_small')
    return isNumber ? `must be at least ${issue.minimum}` : `must not be shorter than ${issue.minimum}`;
  return issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
}

const WORDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a table of settings',
  record: 'a table of names',
  array: 'a list',
};

function kindOf(value: Json | undefined): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object'
    ? 'a table'
    : typeof value === 'string'
      ? 'text'
      : typeof value === 'number'
        ? 'a number'
        : 'true or false';
}

const sentence = (message: string): string => (/[.!?]$/.test(message) ? message : `${message}.`);

/** A name nobody knows, with what was probably meant. */
export function unknownName(path: Path, origin: Origin): FileProblem {
  const name = String(path.at(-1) ?? '');
  const remedy = remedyForName(name, namesAt(origin, path.slice(0, -1)));
  return { ...problem(path, origin, 'unknown', 'is no known setting.', remedy), ...placeOf(path, origin, 'key') };
}

function problem(path: Path, origin: Origin, code: string, message: string, remedy: string): FileProblem {
  const dotted = [
    ...origin.base
      .split('/')
      .slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~')),
    ...path.map(String),
  ].join('.');
  const place = placeOf(path, origin, 'value');
  return {
    file: origin.file,
    ...place,
    severity: 'error',
    code,
    message: `${dotted === '' ? 'The file' : `\`${dotted}\``} ${message}`,
    remedy,
  };
}

/** Place of what is at the path; when nothing is there, of the nearest thing around it. */
function placeOf(path: Path, origin: Origin, part: 'key' | 'value'): Place {
  for (let length = path.length; length >= 0; length -= 1) {
    const at =
      origin.positions[
        path.slice(0, length).reduce<string>((pointer, step) => pointerTo(pointer, String(step)), origin.base)
      ];
    if (at) return length === path.length ? at[part] : at.key;
  }
  return { line: 1, column: 1 };
}

function valueAt(input: Json, path: Path): Json | undefined {
  let value: Json | undefined = input;
  for (const step of path) {
    if (Array.isArray(value)) value = value[Number(step)];
    else if (typeof value === 'object' && value !== null && Object.hasOwn(value, step)) value = value[String(step)];
    else return undefined;
  }
  return value;
}

/** Names that a schema would drop without a word. */
export function droppedNames(
  input: Json,
  origin: Origin,
  outline: SchemaOutline | undefined = origin.outline,
  path: Path = [],
): FileProblem[] {
  if (typeof input !== 'object' || input === null || outline === undefined) return [];
  if (Array.isArray(input))
    return input.flatMap((child, index) => droppedNames(child, origin, outline.items, [...path, index]));
  const { properties, additionalProperties } = outline;
  if (properties === undefined && typeof additionalProperties !== 'object') return [];
  return Object.entries(input).flatMap(([name, child]) => {
    const known = properties?.[name] ?? (typeof additionalProperties === 'object' ? additionalProperties : undefined);
    if (known) return droppedNames(child, origin, known, [...path, name]);
    return additionalProperties === undefined ? [unknownName([...path, name], origin)] : [];
  });
}

/** Texts from the environment as the number or boolean that the schema wants there. */
export function coerced(input: Json, origin: Origin, path: Path = [], pointer = origin.base): Json {
  if (Array.isArray(input))
    return input.map((child, index) => coerced(child, origin, [...path, index], pointerTo(pointer, index)));
  if (typeof input === 'object' && input !== null) {
    const table: JsonObject = {};
    for (const [name, child] of Object.entries(input))
      table[name] = coerced(child, origin, [...path, name], pointerTo(pointer, name));
    return table;
  }
  if (typeof input !== 'string' || !origin.positions[pointer]?.fromEnv) return input;
  const type = outlineAt(origin.outline, path)?.type;
  if ((type === 'number' || type === 'integer') && /^-?\d+(\.\d+)?$/.test(input)) return Number(input);
  return type === 'boolean' && /^(true|false)$/.test(input) ? input === 'true' : input;
}
