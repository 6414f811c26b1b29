/** How a function of the mapping language is declared. One declaration feeds checks, compiler, tests and documentation. */
import type { RE2JS } from 're2js';
import type { TimeFormat } from '../../canonical/time-format.ts';
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { TableRule } from '../ast.ts';
import type { Fault } from '../fault.ts';

/** Types values have on their way through a pipeline. `any`: not known before a record comes. */
export type ValueType = 'any' | 'text' | 'integer' | 'decimal' | 'boolean' | 'timestamp' | 'date' | 'json' | 'list';

type Values = {
  any: Json;
  text: string;
  integer: number;
  decimal: string;
  boolean: boolean;
  timestamp: string;
  date: string;
  json: JsonObject;
  list: Json[];
};

/** Kinds of arguments. Those of the second group must be constants and are prepared once. */
type Arguments = {
  text: string;
  integer: number;
  decimal: string;
  any: Json;
  pattern: RE2JS;
  zone: string;
  format: TimeFormat;
  table: TableRule;
  choice: string;
};
export type ArgumentKind = keyof Arguments;

export type ArgumentSpec = {
  readonly name: string;
  readonly kind: ArgumentKind;
  readonly about: string;
  readonly optional?: true;
  /** Takes all arguments that are left. Only the last one. */
  readonly rest?: true;
  /** Of kind `choice`: what may be written. */
  readonly values?: readonly string[];
  /** Of kind `integer`: bounds of a constant. */
  readonly min?: number;
  readonly max?: number;
};

type ArgumentValue<Spec> = Spec extends { readonly kind: infer Kind extends ArgumentKind; readonly optional: true }
  ? Arguments[Kind] | undefined
  : Spec extends { readonly kind: infer Kind extends ArgumentKind }
    ? Arguments[Kind]
    : never;
type ArgumentValues<Specs extends readonly ArgumentSpec[]> = Specs extends readonly [
  infer Only extends { readonly rest: true; readonly kind: ArgumentKind },
]
  ? Arguments[Only['kind']][]
  : { readonly [Index in keyof Specs]: ArgumentValue<Specs[Index]> };

/** `call` is what stands behind the |. `output` may be a fault's code. */
export type Example =
  | { readonly input: Json; readonly call: string; readonly output: Json }
  | { readonly input: Json; readonly call: string; readonly fault: string };

type Shared = {
  readonly name: string;
  readonly group: 'text' | 'list' | 'number' | 'time' | 'identifier' | 'logic' | 'empty' | 'object';
  readonly about: string;
  /** `same`: what came in. `element`: what the list holds. */
  readonly output: ValueType | 'same' | 'element';
  readonly args: readonly ArgumentSpec[];
  /** Called for empty values, too. Without it, empty stays empty and the function is passed by. */
  readonly takesEmpty?: true;
  /** Its result can be longer than its input. */
  readonly grows?: true;
  readonly examples: readonly Example[];
};

export type MappingFunction = Shared & {
  readonly input: ValueType;
  readonly run: (value: never, ...args: never[]) => Json | Fault;
};

/** Checks a declaration's types: `run` gets the input type and exactly the declared arguments. */
export function defineFunction<Input extends ValueType, const Specs extends readonly ArgumentSpec[]>(
  declaration: Omit<Shared, 'args'> & {
    readonly input: Input;
    readonly args: Specs;
    readonly run: (value: Values[Input], ...args: ArgumentValues<Specs>) => Json | Fault;
  },
): MappingFunction {
  // The one place where argument types are forgotten: the checks compare every call with `args` before it can run.
  const run: unknown = declaration.run;
  return { ...declaration, run: run as MappingFunction['run'] };
}
