/**
 * What the mapping room gives to the others. A mapping file is parsed, checked and compiled once; the result is a pure
 * function from a decoded record to outputs.
 */
import type { EntityName } from '../canonical/entities.ts';
import type { DeclaredField, Json, JsonObject } from '../connector/contract.ts';

/** Something wrong in a file someone wrote: where, what, and what to do. Line and column from 1. */
export type FileProblem = {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: 'error' | 'warning';
  /** Stable code, `unknown-path`, `unknown-field`, `type-mismatch` … */
  readonly code: string;
  readonly message: string;
  readonly remedy: string;
};

/** Why one record could not be mapped. */
export type RecordProblem = {
  /** Output and field, `variant.price`; `record` when it concerns the whole. */
  readonly field: string;
  /** Path in the record, for people. */
  readonly pointer: string;
  readonly code: string;
  readonly message: string;
};

/** How one entity is found again: `field` is a match field of the entity, `value` already normalised. */
export type MatchKey = { readonly field: string; readonly value: string };

/** A reference to another entity, by an output of the same record or by a match key. */
export type ReferenceValue =
  | { readonly kind: 'output'; readonly key: string }
  | { readonly kind: 'match'; readonly entity: EntityName; readonly field: string; readonly value: string }
  /** By the external id of a record of the same connection (any stream, or `stream`). */
  | { readonly kind: 'external'; readonly entity: EntityName; readonly stream: string | null; readonly id: string };

/** Values by canonical field. Absent: no opinion. `null`: the source says empty. References are `ReferenceValue`. */
export type Values = { [field: string]: Json | ReferenceValue };

export type EntityOutput = {
  /** Stable within the record: the output's name, with `:<key>` behind it when it repeats. */
  readonly key: string;
  readonly entity: EntityName;
  readonly match: readonly MatchKey[];
  readonly values: Values;
};

export type StockOutput = {
  readonly key: string;
  readonly entity: 'stock';
  readonly variant: ReferenceValue;
  readonly location: string;
  /** Whole units. */
  readonly quantity: number;
  /** Epoch milliseconds, or `null`: when the page was observed. */
  readonly asOf: number | null;
};

export type MapResult =
  | {
      readonly kind: 'mapped';
      readonly id: string | null;
      readonly version: number | null;
      readonly entities: readonly EntityOutput[];
      readonly stock: readonly StockOutput[];
    }
  /** A filter of the mapping left the record out. */
  | { readonly kind: 'filtered'; readonly id: string | null; readonly version: number | null; readonly reason: string }
  /** The record itself says that it is deleted. */
  | { readonly kind: 'deleted'; readonly id: string | null; readonly version: number | null }
  | {
      readonly kind: 'rejected';
      readonly id: string | null;
      readonly version: number | null;
      readonly problems: readonly RecordProblem[];
    };

/** What a mapping call is given beside the record. Must be reproducible: everything in it is kept with the raw page. */
export type MapContext = {
  /** The page's context (`file`, `header`, envelope values), reached as `@name` in mappings. */
  readonly page: JsonObject;
  readonly position: number;
};

/** How a field came to its value; for `explain`, made by evaluating again. */
export type FieldTrace = {
  readonly output: string;
  readonly field: string;
  readonly value: Json | ReferenceValue;
  /** `file:line:column` of the rule. */
  readonly rule: string;
  /** Path(s) read. */
  readonly sources: readonly string[];
  readonly steps: readonly { readonly call: string; readonly result: Json }[];
  /** Set when the value is null or dropped: absent, null in source, coerced, rejected, not mapped. */
  readonly reason: string | null;
};

export type Conflict = 'last_write_wins' | 'source_wins' | 'platform_wins';

export type Mapping = {
  readonly name: string;
  /** SHA-256 of the file's text and of everything it includes, hex. */
  readonly version: string;
  readonly source: string;
  /** The file's text (registered in the store so that every worker has the same). */
  readonly text: string;
  /** Rows with equal values in this column are one record; `null`: each row is one. */
  readonly groupBy: string | null;
  /** Entities it can fill, with the fields it fills of each. */
  readonly fills: Readonly<
    Record<string, { readonly entity: EntityName | 'stock'; readonly fields: readonly string[] }>
  >;
  /** Conflict policy per `entity.field`; what is not named is last_write_wins. */
  readonly conflicts: Readonly<Record<string, Conflict>>;
  readonly map: (record: Json, context: MapContext) => MapResult;
  /** The same evaluation, instrumented. */
  readonly trace: (record: Json, context: MapContext) => readonly FieldTrace[];
};

/** What is known of the records a mapping will meet. */
export type SourceSchema = {
  /** Declared by a connector, learned from samples, or read from a sample file. */
  readonly origin: 'declared' | 'learned' | 'sample' | 'mapping';
  readonly fields: readonly DeclaredField[];
};

export type CheckedMapping = { readonly mapping: Mapping | null; readonly problems: readonly FileProblem[] };
