/**
 * The fold: a canonical row is a pure function of what its live contributions say, of people's decisions and of the
 * conflict policy. Nothing else makes canonical values.
 */
import { ENTITIES, type EntityName } from '../canonical/entities.ts';
import type { Json } from '../connector/contract.ts';
import type { Conflict, ReferenceValue, Values } from '../mapping/types.ts';

/** What one record says about one entity, evaluated. */
export type Statement = {
  readonly streamId: number;
  readonly no: number;
  readonly mappingId: number;
  readonly output: string;
  readonly values: Values;
  /** Field to epoch milliseconds of its last change; what is not named has not changed since `since`. */
  readonly changed: Readonly<Record<string, number>> | null;
  readonly since: number;
  /** Spoken through our own API. */
  readonly platform: boolean;
  /** The conflict policy it was mapped under. */
  readonly conflict: (mappingId: number, entity: EntityName, field: string) => Conflict;
  readonly entity: EntityName;
};

export type Decision = { readonly field: string; readonly value: Json };

export type Folded = {
  readonly values: Record<string, Json | ReferenceValue>;
  /** Which statement gave each value; `null`: a person decided. */
  readonly winners: Readonly<Record<string, Statement | null>>;
};

/** Folds statements; their order does not matter. */
export function fold(
  entity: EntityName,
  statements: readonly Statement[],
  decisions: readonly Decision[] = [],
): Folded {
  const values: Record<string, Json | ReferenceValue> = {};
  const winners: Record<string, Statement | null> = {};
  for (const field of Object.keys(ENTITIES[entity].fields)) {
    const winner = winnerOf(field, statements);
    if (winner) {
      values[field] = winner.values[field] ?? null;
      winners[field] = winner;
    }
  }
  for (const decision of decisions) {
    values[decision.field] = decision.value;
    winners[decision.field] = null;
  }
  return { values, winners };
}

/** Candidates for a field, best first. Statements without an opinion are left out. */
export function candidates(field: string, statements: readonly Statement[]): Statement[] {
  return statements.filter((statement) => statement.values[field] !== undefined).sort((a, b) => compare(field, a, b));
}

function winnerOf(field: string, statements: readonly Statement[]): Statement | null {
  let best: Statement | null = null;
  for (const statement of statements) {
    if (statement.values[field] === undefined) continue;
    if (!best || compare(field, statement, best) < 0) best = statement;
  }
  return best;
}

/** Below zero: `a` outranks `b`. Policy first, then the later change; the rest only makes it certain. */
function compare(field: string, a: Statement, b: Statement): number {
  return (
    rank(field, b) - rank(field, a) ||
    changedAt(field, b) - changedAt(field, a) ||
    a.streamId - b.streamId ||
    a.no - b.no ||
    a.mappingId - b.mappingId ||
    (a.output < b.output ? -1 : a.output > b.output ? 1 : 0)
  );
}

/** Change time of a value that a record only gives back: we had written it there. */
export const ECHOED = -1;

/** Standing of a statement under the conflict policy; below zero: it has nothing to say for itself. */
export function rank(field: string, statement: Statement): number {
  if (isBlank(field, statement)) return -2;
  // What we wrote to a vendor speaks for nobody, and stands in when those it came from are gone.
  if (statement.changed?.[field] === ECHOED) return -1;
  const policy = statement.conflict(statement.mappingId, statement.entity, field);
  if (statement.platform) return policy === 'platform_wins' ? 2 : 0;
  return policy === 'source_wins' ? 1 : 0;
}

/** A field that was empty from the start says nothing against anyone; one that was emptied is a change. */
const isBlank = (field: string, statement: Statement): boolean =>
  statement.values[field] === null && statement.changed?.[field] === undefined;

/** Epoch milliseconds of a field's last change in a statement. */
export const changedAt = (field: string, statement: Statement): number => statement.changed?.[field] ?? statement.since;

/**
 * Change times after new values came: fields whose value differs take what `at` gives them.
 * A value that was there and is gone counts as emptied.
 */
export function changesOf(
  before: { readonly values: Values; readonly changed: Readonly<Record<string, number>> | null },
  after: Values,
  at: (field: string) => number,
): Record<string, number> | null {
  let changed: Record<string, number> | null = before.changed ? { ...before.changed } : null;
  const fields = new Set([...Object.keys(before.values), ...Object.keys(after)]);
  for (const field of fields) {
    if (same(before.values[field], after[field])) continue;
    changed ??= {};
    changed[field] = at(field);
  }
  return changed;
}

/** Change times with those of values that a record only gives back. `before`: what it said, where it said anything. */
export function withEchoes(
  changed: Readonly<Record<string, number>> | null,
  before: Values | undefined,
  after: Values,
  echoes: ReadonlySet<string> | undefined,
): Record<string, number> | null {
  // A field that we cleared is one; one that was empty all along is none.
  const marked = [...(echoes ?? [])].filter(
    (field) => after[field] !== undefined && !same(before?.[field] ?? null, after[field]),
  );
  if (marked.length === 0) return changed;
  return { ...changed, ...Object.fromEntries(marked.map((field) => [field, ECHOED])) };
}

/** Equality of values as mappings give them; a property without a value is none. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b))
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, at) => same(one, b[at]));
  return holds(a, b) && holds(b, a);
}

/** Whether `b` has every value that `a` has. */
function holds(a: object, b: object): boolean {
  for (const key in a) {
    const value: unknown = a[key as keyof typeof a];
    if (value !== undefined && !same(value, b[key as keyof typeof b])) return false;
  }
  return true;
}
