/**
 * The three-way merge of one record: what the mapping says now, what the vendor holds now, and what both said when they
 * last agreed. Two bases, one for each side, because vendors keep values in a form of their own.
 */
import type { Json, JsonObject } from '../connector/contract.ts';
import { same } from '../load/fold.ts';
import type { Conflict } from '../mapping/types.ts';

/** What each side said when they last agreed; `null`: they never have. */
export type Base = { readonly ours: JsonObject; readonly theirs: JsonObject };

/** A field that both sides changed, each to something else. */
export type FieldConflict = {
  readonly field: string;
  readonly policy: Conflict;
  readonly winner: 'ours' | 'theirs';
};

export type Merged = {
  /** Fields to be written. */
  readonly write: JsonObject;
  readonly conflicts: readonly FieldConflict[];
  /** What is agreed on without a write: to be kept as the new base. */
  readonly agreed: Base;
};

export type Sides = {
  readonly ours: JsonObject;
  /** Absent fields: what the vendor holds cannot be read. */
  readonly theirs: JsonObject;
  readonly base: Base | null;
  /** Whether what the mapping says of a field is the vendor's own word, taken over here. */
  readonly isTheirWord: (field: string) => boolean;
  /** Whether what the vendor holds of a field was read here, so that the fold has weighed it. */
  readonly isWeighed: (field: string) => boolean;
  readonly policy: Conflict;
  /** Whether our change of a field is the later one. */
  readonly isOursLater: (field: string) => boolean;
};

export function merge(sides: Sides): Merged {
  const write: JsonObject = {};
  const conflicts: FieldConflict[] = [];
  const agreed = { ours: {} as JsonObject, theirs: {} as JsonObject };
  const agree = (field: string, ours: Json, theirs: Json | undefined): void => {
    agreed.ours[field] = ours;
    if (theirs !== undefined) agreed.theirs[field] = theirs;
  };
  for (const [field, ours] of Object.entries(sides.ours)) {
    const theirs = sides.theirs[field];
    if (theirs !== undefined && isAlike(ours, theirs)) {
      agree(field, ours, theirs);
      continue;
    }
    const weMoved = !sides.base || !isAlike(ours, sides.base.ours[field]);
    if (!weMoved) continue;
    // What is not weighed yet is no base: the next change here may be an older one than it.
    const leave = (): void => {
      if (theirs === undefined || sides.isWeighed(field)) agree(field, ours, theirs);
    };
    if (sides.isTheirWord(field)) {
      leave();
      continue;
    }
    const before = sides.base?.theirs[field];
    const theyMoved = theirs !== undefined && (before === undefined || !isAlike(theirs, before));
    if (!theyMoved || (before === undefined && theirs === null)) {
      write[field] = ours;
      continue;
    }
    const winner = winnerOf(sides, field);
    conflicts.push({ field, policy: sides.policy, winner });
    if (winner === 'ours') write[field] = ours;
    else leave();
  }
  return { write, conflicts, agreed };
}

function winnerOf({ policy, isWeighed, isOursLater }: Sides, field: string): FieldConflict['winner'] {
  if (policy === 'platform_wins') return 'ours';
  if (policy === 'source_wins') return 'theirs';
  // Where the fold has weighed it and still says otherwise, ours is the later one.
  return isWeighed(field) || isOursLater(field) ? 'ours' : 'theirs';
}

/** Values are alike when they are the same, or one number or time written in two ways. */
export function isAlike(a: Json | undefined, b: Json | undefined): boolean {
  if (same(a ?? null, b ?? null)) return true;
  if (a === null || b === null || typeof a === 'object' || typeof b === 'object') return false;
  const [left, right] = [String(a), String(b)];
  if (left === right) return true;
  if (NUMBER.test(left) && NUMBER.test(right)) return trimmed(left) === trimmed(right);
  return TIME.test(left) && TIME.test(right) && Date.parse(left) === Date.parse(right);
}

const NUMBER = /^-?\d+(\.\d+)?$/;
const TIME = /^\d{4}-\d\d-\d\dT/;
const trimmed = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
