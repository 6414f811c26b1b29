/** What two syncs of the same feeds left behind, held against each other. */
import type { Line, Unbalanced } from './state.ts';

export type State = {
  readonly lines: readonly Line[];
  readonly unbalanced: readonly Unbalanced[];
  readonly failed: readonly string[];
};

export type Verdict = {
  /** There in the undisturbed run, and missing (or counted less) here. */
  readonly lost: number;
  /** More often here than in the undisturbed run. */
  readonly doubled: number;
  /** Runs that are not at their end or do not balance, and sums that are not those of the undisturbed run. */
  readonly unbalanced: number;
  /** As often as it should be, with another content. */
  readonly different: number;
  /** The first of each, in words. */
  readonly examples: readonly string[];
};

export const isClean = (verdict: Omit<Verdict, 'examples'>): boolean =>
  verdict.lost + verdict.doubled + verdict.unbalanced + verdict.different === 0;

/** Kinds whose values are sums over runs. */
const SUMS = new Set(['counter', 'outbox', 'page']);
const EXAMPLES = 4;

type Finding = 'lost' | 'doubled' | 'unbalanced' | 'different';

export function compareStates(expected: State, actual: State): Verdict {
  const found = { lost: 0, doubled: 0, unbalanced: 0, different: 0 };
  const examples: string[] = [];
  const note = (finding: Finding, count: number, words: string) => {
    found[finding] += count;
    if (examples.filter((one) => one.startsWith(finding)).length < EXAMPLES) examples.push(`${finding}: ${words}`);
  };
  for (const run of actual.unbalanced)
    note('unbalanced', 1, `run of ${run.stream} is ${run.state}, read ${run.read}, outcomes ${run.outcomes}`);
  const [before, after] = [byKey(expected.lines), byKey(actual.lines)];
  for (const key of new Set([...before.keys(), ...after.keys()]))
    compareKey(key, before.get(key) ?? [], after.get(key) ?? [], note);
  return { ...found, examples };
}

function compareKey(
  key: string,
  expected: readonly string[],
  actual: readonly string[],
  note: (finding: Finding, count: number, words: string) => void,
): void {
  if (expected.length === actual.length && expected.every((value, at) => value === actual[at])) return;
  const words = `${key}: ${short(actual)} instead of ${short(expected)}`;
  if (SUMS.has(key.split(' ')[0] ?? '')) {
    const [less, more] = [Number(expected[0] ?? 0), Number(actual[0] ?? 0)];
    // What was read is counted per record; the rest tells how it went.
    if (!key.endsWith(' read') && !key.startsWith('page ')) note('unbalanced', 1, words);
    else if (more < less) note('lost', less - more, words);
    else note('doubled', more - less, words);
  } else if (actual.length < expected.length) note('lost', expected.length - actual.length, words);
  else if (actual.length > expected.length) note('doubled', actual.length - expected.length, words);
  else note('different', 1, words);
}

const short = (values: readonly string[]): string =>
  values.length === 0 ? 'nothing' : values.join(' | ').slice(0, 160);

function byKey(lines: readonly Line[]): Map<string, string[]> {
  const keys = new Map<string, string[]>();
  for (const { kind, key, value } of lines) {
    const name = `${kind} ${key}`;
    const values = keys.get(name);
    if (values) values.push(value);
    else keys.set(name, [value]);
  }
  return keys;
}
