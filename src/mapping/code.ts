/** Writing JavaScript: fresh names, constants by reference, and where values are read from. */
import type { EntityName } from '../canonical/entities.ts';
import type { Path, Span } from './ast.ts';
import type { NodeType } from './infer.ts';

export type Code = {
  readonly lines: string[];
  /** Values the code refers to as k0, k1 …; nothing of a mapping file is ever written into the code but as a string literal. */
  readonly constants: unknown[];
  readonly names: Map<unknown, string>;
  count: number;
  /** Whether the code tells a tracer what it does. */
  readonly traced: boolean;
  readonly ignoreCase: boolean;
  /** Values that several rules compute alike, by what they compute: the variable that keeps them. */
  readonly shared: Map<string, { readonly name: string; readonly type: NodeType }>;
  /** How often each is computed. */
  readonly uses: Map<string, number>;
};

/** Where paths start, and what to do when something is wrong. Names are JavaScript variables. */
export type Scope = {
  /** The element itself, and the same as something names can be read from. */
  readonly element: string;
  readonly object: string;
  /** The record (its first row when it is grouped), and the list of its rows. */
  readonly record: string;
  readonly rows: string | null;
  readonly whole: string;
  /** Expression for `@index`. */
  readonly index: string;
  /** Expression for the place of the element in the record, put before a path in messages. */
  readonly pointer: string;
  readonly isTop: boolean;
  /** Entity a reference in this place points to. */
  readonly entity: EntityName | null;
  /** Statement that reports the fault in variable `fault` and leaves. `pointer` is an expression. */
  readonly fail: (fault: string, pointer: string) => string;
  /** How an output of the same record is referred to: an expression, or `null` when there is no such. */
  readonly output: (name: string) => string | null;
};

export function newCode(traced: boolean, ignoreCase: boolean): Code {
  return {
    lines: [],
    constants: [],
    names: new Map(),
    count: 0,
    traced,
    ignoreCase,
    shared: new Map(),
    uses: new Map(),
  };
}

export function fresh(code: Code): string {
  code.count += 1;
  return `v${code.count}`;
}

/** Name of a constant in the code. */
export function constant(code: Code, value: unknown): string {
  const known = code.names.get(value);
  if (known !== undefined) return known;
  const name = `k${code.constants.length}`;
  code.constants.push(value);
  code.names.set(value, name);
  return name;
}

export function line(code: Code, text: string): void {
  code.lines.push(text);
}

/** A string literal. JSON is JavaScript since ES2019. */
export const quote = (text: string): string => JSON.stringify(text);

/** Tells the tracer that a branch was taken. */
export function hit(code: Code, at: Span): void {
  if (code.traced) line(code, `t.hit(${at.start});`);
}

const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Expression that reads one name of an object. */
export function readName(object: string, name: string): string {
  return INHERITED.has(name) ? `r$own(${object}, ${quote(name)})` : `${object}[${quote(name)}]`;
}

/** Expression for a path's place in messages. */
export function pointerOf(path: Path, scope: Scope): string {
  const isRelative = path.scope === 'here' && !scope.isTop;
  const text = path.text.startsWith('$.') ? path.text.slice(2) : path.text === '.' ? '' : path.text;
  return isRelative ? `${scope.pointer} + ${quote(text === '' ? '' : `.${text}`)}` : quote(text);
}
