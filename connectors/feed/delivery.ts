/** Which files of a folder are deliveries of a stream, in which order, and whether they are there in full. */
import type { Clock } from '../../src/connector/index.ts';
import { parseAsOf } from './as-of.ts';
import type { StreamSettings } from './config.ts';
import type { FileMark } from './cursor.ts';
import type { FileStat, Folder } from './folder.ts';
import { compareNames, compilePattern, type FilePattern, fillTemplate, numberIn } from './patterns.ts';

export type Delivery = FileStat & {
  readonly scope: string;
  readonly kind: 'snapshot' | 'delta';
  /** The pattern that its name fits. */
  readonly pattern: string;
  readonly values: Readonly<Record<string, string>>;
  /** As the name says it; `null`: the name does not say. `NaN`: it says nonsense. */
  readonly namedAsOfMs: number | null;
};

/** A stream's file rules, compiled once. */
export type DeliveryRules = {
  readonly settings: StreamSettings;
  readonly sets: readonly { readonly pattern: FilePattern; readonly kind: 'snapshot' | 'delta' }[];
  readonly scope: string;
  readonly order: 'asOf' | 'modified' | 'name' | 'numbered';
  readonly marker: { readonly name: string; readonly count: boolean } | null;
};

/** A file modified this long ago on our own clock has settled. */
const LONG_SETTLED_MS = 30_000;

export function deliveryRules(settings: StreamSettings): DeliveryRules {
  const given =
    typeof settings.files === 'string' ? [{ pattern: settings.files, kind: settings.kind }] : settings.files;
  const sets = given.map((set) => ({ pattern: compilePattern(set.pattern), kind: set.kind }));
  const main = given.find((set) => set.kind === 'snapshot') ?? given[0];
  // The date in a name tells deliveries of one scope apart; it is no part of the scope.
  const scope = settings.scope ?? (main?.pattern ?? '*').replace('{asOf}', '*');
  const byName = given.length === 1 ? 'name' : 'modified';
  const order = settings.asOf !== undefined ? 'asOf' : (settings.order ?? byName);
  const { doneMarker = null } = settings;
  const marker = typeof doneMarker === 'string' ? { name: doneMarker, count: false } : doneMarker;
  return { settings, sets, scope, order, marker };
}

/** The deliveries among these files, oldest first. */
export function findDeliveries(files: readonly FileStat[], rules: DeliveryRules): Delivery[] {
  const found = files.map((file) => asDelivery(file, rules)).filter((delivery) => delivery !== null);
  return found.sort((one, two) => compareAge(one, two, rules));
}

function asDelivery(file: FileStat, rules: DeliveryRules): Delivery | null {
  const { settings } = rules;
  if (settings.ignoreSuffixes.some((suffix) => file.name.endsWith(suffix))) return null;
  for (const set of rules.sets) {
    const values = set.pattern.match(file.name);
    if (values === null || isMarker(file.name, rules)) continue;
    const { asOf, ...others } = values;
    const namedAsOfMs =
      asOf === undefined || settings.asOf === undefined ? null : parseAsOf(asOf, settings.asOf, settings.asOfTimezone);
    const scope = fillTemplate(rules.scope, others);
    return { ...file, kind: set.kind, pattern: set.pattern.text, scope, values: others, namedAsOfMs };
  }
  return null;
}

// `{file}.done` or a fixed name: a marker is no delivery even where the pattern would take it.
function isMarker(name: string, rules: DeliveryRules): boolean {
  if (rules.marker === null) return false;
  const [before = '', after] = rules.marker.name.split('{file}');
  return after === undefined
    ? name === before
    : name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after);
}

/** Name of the marker that says this file is there in full; `null`: the stream has no markers. */
export function markerOf(name: string, rules: DeliveryRules): string | null {
  return rules.marker?.name.replace('{file}', () => name) ?? null;
}

type Aged = Pick<Delivery, 'name' | 'modifiedMs' | 'namedAsOfMs'>;

/** Below zero: `one` is the older delivery. */
export function compareAge(one: Aged, two: Aged, rules: DeliveryRules): number {
  // A date that is none (NaN) comes first, so that the others keep their order.
  if (rules.order === 'asOf')
    return (
      (one.namedAsOfMs || 0) - (two.namedAsOfMs || 0) ||
      one.modifiedMs - two.modifiedMs ||
      compareNames(one.name, two.name)
    );
  if (rules.order === 'modified') return one.modifiedMs - two.modifiedMs || compareNames(one.name, two.name);
  if (rules.order === 'numbered') {
    const [a, b] = [numberIn(one.name), numberIn(two.name)];
    if (a !== b) return a < b ? -1 : 1;
  }
  return compareNames(one.name, two.name);
}

/** The same for a delivery and one done before. A file under its old name is never older than it was. */
export function compareWithDone(one: Delivery, done: FileMark, rules: DeliveryRules): number {
  if (one.name === done.file && rules.order !== 'modified') return 1;
  const before = asDelivery({ name: done.file, size: done.size, modifiedMs: done.modifiedMs }, rules);
  return compareAge(one, before ?? { name: done.file, modifiedMs: done.modifiedMs, namedAsOfMs: done.asOfMs }, rules);
}

/** Names of the deliveries that are there in full: marked as done, or unchanged over two looks. */
export async function findSettled(
  folder: Folder,
  due: readonly Delivery[],
  rules: DeliveryRules,
  clock: Clock,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  if (due.length === 0) return new Set();
  if (rules.marker !== null) return findMarked(folder, due, rules);
  const { settleMs } = rules.settings;
  const now = clock.now().getTime();
  const isOld = (file: FileStat) => folder.isLocal && now - file.modifiedMs >= Math.max(LONG_SETTLED_MS, settleMs);
  if (settleMs === 0 || due.every(isOld)) return new Set(due.map((file) => file.name));
  await clock.sleep(settleMs, signal);
  const again = new Map((await folder.list()).map((file) => [file.name, file]));
  return new Set(due.filter((file) => isSame(file, again.get(file.name) ?? null)).map((file) => file.name));
}

async function findMarked(
  folder: Folder,
  due: readonly Delivery[],
  rules: DeliveryRules,
): Promise<ReadonlySet<string>> {
  const files = new Map((await folder.list()).map((file) => [file.name, file]));
  const settled = due.filter((file) => {
    const marker = files.get(markerOf(file.name, rules) ?? '');
    // An older marker belongs to an earlier delivery under this name. Servers may tell whole seconds only.
    return marker !== undefined && Math.floor(marker.modifiedMs / 1000) >= Math.floor(file.modifiedMs / 1000);
  });
  return new Set(settled.map((file) => file.name));
}

export function isSame(one: FileStat, two: FileStat | null): boolean {
  return two !== null && one.size === two.size && one.modifiedMs === two.modifiedMs;
}
