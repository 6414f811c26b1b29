/** What a mapping file says, parsed: plain data with positions, shared by the checks, the compiler and tests. */
import type { EntityName } from '../canonical/entities.ts';
import type { Json } from '../connector/contract.ts';
import type { Conflict } from './types.ts';

/** Where a token stands in the file: offsets into its text. */
export type Span = { readonly start: number; readonly end: number };

export type Segment =
  | { readonly kind: 'name'; readonly name: string; readonly at: Span }
  /** `[]`: every element. */
  | { readonly kind: 'every'; readonly at: Span }
  /** `[0]`, `[-1]`. */
  | { readonly kind: 'index'; readonly index: number; readonly at: Span }
  /** `[code = "33"]`: the first element whose field has that value. */
  | { readonly kind: 'where'; readonly name: string; readonly value: string; readonly at: Span };

/** `here`: from the element of the loop around it. `record`: written `$.…`, from the record itself. */
export type Path = {
  readonly kind: 'path';
  readonly scope: 'here' | 'record';
  readonly segments: readonly Segment[];
  readonly text: string;
  readonly at: Span;
};

export type Literal = { readonly kind: 'literal'; readonly value: Json; readonly decimal: boolean; readonly at: Span };
/** `@name`: a value of the page around the record; `@index`: the number of the element in its loop. */
export type Context = { readonly kind: 'context'; readonly name: string; readonly at: Span };
export type Argument = Path | Literal | Context;

export type Call = {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly at: Span;
  readonly nameAt: Span;
  readonly text: string;
};

export type Condition =
  | {
      readonly kind: 'compare';
      readonly left: Node;
      readonly operator: '=' | '!=' | '<' | '<=' | '>' | '>=';
      readonly right: Argument;
      readonly at: Span;
    }
  | { readonly kind: 'among'; readonly left: Node; readonly values: readonly Literal[]; readonly at: Span }
  | { readonly kind: 'empty'; readonly left: Node; readonly negated: boolean; readonly at: Span }
  | { readonly kind: 'true'; readonly left: Node; readonly at: Span }
  | { readonly kind: 'all' | 'any'; readonly conditions: readonly Condition[]; readonly at: Span }
  | { readonly kind: 'not'; readonly condition: Condition; readonly at: Span };

export type Branch = { readonly when: Condition | null; readonly value: Node; readonly at: Span };
export type Entry = { readonly name: string; readonly value: Node; readonly at: Span };

/** What a loop makes: a list of values or objects, or one object from keys and values. */
export type LoopBody =
  | { readonly kind: 'values'; readonly value: Node }
  | { readonly kind: 'entries'; readonly key: Node; readonly value: Node };

/** A value and how it comes about. */
export type Node =
  | Path
  | Literal
  | Context
  | { readonly kind: 'pipe'; readonly source: Node; readonly calls: readonly Call[]; readonly at: Span }
  | { readonly kind: 'template'; readonly parts: readonly (string | Node)[]; readonly at: Span }
  | { readonly kind: 'first'; readonly options: readonly Node[]; readonly at: Span }
  | { readonly kind: 'choose'; readonly branches: readonly Branch[]; readonly at: Span }
  | { readonly kind: 'object'; readonly entries: readonly Entry[]; readonly at: Span }
  | { readonly kind: 'list'; readonly elements: readonly Node[]; readonly at: Span }
  | {
      readonly kind: 'each';
      readonly over: Node;
      readonly when: Condition | null;
      readonly body: LoopBody;
      readonly at: Span;
    }
  /** A loop over numbered columns, already written out: one round per number. */
  | {
      readonly kind: 'numbered';
      readonly rounds: readonly { readonly when: Condition | null; readonly body: LoopBody }[];
      readonly at: Span;
    }
  | { readonly kind: 'output'; readonly name: string; readonly at: Span }
  | { readonly kind: 'match'; readonly field: string; readonly value: Node; readonly at: Span }
  | { readonly kind: 'external'; readonly stream: string | null; readonly value: Node; readonly at: Span }
  | { readonly kind: 'jsonata'; readonly text: string; readonly at: Span };

/** What to do with an empty value: give no opinion, or (when the field is absent as well) say that it is empty. */
export type OnNull = 'omit' | 'clear';

export type FieldRule = {
  readonly name: string;
  readonly value: Node;
  readonly onNull: OnNull | null;
  readonly conflict: Conflict | null;
  readonly at: Span;
  readonly nameAt: Span;
};

export type OutputRule = {
  readonly name: string;
  readonly nameAt: Span;
  readonly entity: EntityName | 'stock';
  readonly when: Condition | null;
  /** Set when the output repeats. */
  readonly each: Path | null;
  readonly key: Node | null;
  readonly match: readonly { readonly field: string; readonly at: Span }[];
  readonly fields: readonly FieldRule[];
  readonly at: Span;
};

export type TableRule = {
  readonly name: string;
  readonly at: Span;
  readonly entries: ReadonlyMap<string, { readonly value: Json; readonly at: Span }>;
  /** What a value that is not in the table becomes; `null`: the file does not say. */
  readonly otherwise: { readonly kind: 'reject' | 'keep' } | { readonly kind: 'value'; readonly value: Json } | null;
  readonly ignoreCase: boolean;
};

export type SkipRule = { readonly when: Condition; readonly reason: string; readonly at: Span };

export type MappingFile = {
  readonly file: string;
  readonly text: string;
  readonly about: string;
  readonly groupBy: string | null;
  readonly ignoreCase: boolean;
  readonly key: readonly Node[];
  readonly version: Node | null;
  readonly deleted: Condition | null;
  readonly skip: readonly SkipRule[];
  /** Columns a record may have, when the file names them. `{n}` in a name stands for any number. */
  readonly columns: readonly { readonly name: string; readonly at: Span }[] | null;
  readonly tables: ReadonlyMap<string, TableRule>;
  readonly outputs: readonly OutputRule[];
};
