/** What an account holds: objects with their versions, what links them, counters, and its clock. */
import type { Json, JsonObject } from '../../connector/contract.ts';
import type { Stamp } from '../system.ts';
import { Table, type Version } from '../table.ts';
import { ASSOCIATION_TYPES, FACTS, KINDS, type Kind, STAGES } from './definitions.ts';

/** The search index knows of a change only some time later. */
const INDEX_LAG_MS = 4_000;

/** An object as it is: properties as texts, and whether it is in the recycle bin. */
export type Entry = {
  readonly id: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly archivedAt: number | null;
};

export type ChangeKind = 'creation' | 'propertyChange' | 'deletion' | 'merge' | 'privacyDeletion' | 'associationChange';
export type Told = {
  readonly kind: Kind;
  readonly id: string;
  readonly what: ChangeKind;
  readonly property?: readonly [name: string, value: string];
  readonly mergedIds?: readonly string[];
  /** The other end of a link. */
  readonly linkedId?: string;
};

export type Portal = ReturnType<typeof makePortal>;

export function makePortal(clockNow: () => number, speed: number, saved: JsonObject | null) {
  const tables = new Map<Kind, Table>(KINDS.map((kind) => [kind, new Table()]));
  const links = new Map<string, Map<string, number[]>>();
  /** Losers of merges, and who they are now. */
  const merged = new Map<string, string>();
  const listeners: ((told: Told) => void)[] = [];
  const hidden = new Set<string>();
  let lastId = 30_000_000;

  const table = (kind: Kind): Table => {
    const found = tables.get(kind);
    if (!found) throw new RangeError(`an account has no ${kind}`);
    return found;
  };
  const tell = (told: Told): void => {
    for (const listener of listeners) listener(told);
  };
  const times = (stamp: Stamp = {}) => {
    const now = clockNow();
    const visibleAt = stamp.visibleAt?.getTime() ?? now + INDEX_LAG_MS / speed;
    return { at: stamp.at?.getTime() ?? now, visibleAt };
  };
  const put = (kind: Kind, id: string, values: JsonObject | null, stamp?: Stamp): void =>
    table(kind).put(id, values, times(stamp));

  const newest = (kind: Kind, id: string): Entry | null => {
    const version = table(kind).seen(id, Number.POSITIVE_INFINITY);
    return version === null ? null : entryOf(version);
  };

  const portal = {
    now: clockNow,
    onChange: (listener: (told: Told) => void): void => void listeners.push(listener),
    /** Takes the scope for a property away: it is defined, and no object shows it. */
    hide: (kind: Kind, name: string): void => void hidden.add(`${kind} ${name}`),
    isHidden: (kind: Kind, name: string): boolean => hidden.has(`${kind} ${name}`),
    nextId(): string {
      // Ids have gaps, and are as long as those of real accounts.
      lastId += 1 + (lastId % 3);
      return String(lastId);
    },
    /** The object whoever it is known to: lists and single reads show changes at once. `null`: never there, or purged. */
    get: newest,
    /** Where an id leads today: losers of merges lead to the winner. */
    follow(id: string): string {
      let at = id;
      for (let next = merged.get(at); next !== undefined; next = merged.get(at)) at = next;
      return at;
    },
    isMerged: (id: string): boolean => merged.has(id),
    /** All objects in order of their ids. */
    all(kind: Kind, isArchived = false): Entry[] {
      const entries = table(kind)
        .ids()
        .flatMap((id) => newest(kind, id) ?? [])
        .filter(({ id, archivedAt }) => (archivedAt !== null) === isArchived && !merged.has(id));
      return entries.sort((a, b) => Number(a.id) - Number(b.id));
    },
    /** Objects as the search index has them. */
    indexed(kind: Kind): Entry[] {
      const now = clockNow();
      return table(kind)
        .ids()
        .flatMap((id) => {
          const seen = table(kind).seen(id, now);
          return (seen ? entryOf(seen) : null) ?? [];
        })
        .filter(({ id, archivedAt }) => archivedAt === null && !merged.has(id));
    },
    create(kind: Kind, properties: Readonly<Record<string, string>>, stamp?: Stamp): string {
      const id = portal.nextId();
      put(kind, id, { properties: { ...properties }, archivedAt: null }, stamp);
      tell({ kind, id, what: 'creation' });
      return id;
    },
    /** An empty text clears. The time moves whether anything differs or not. */
    update(kind: Kind, id: string, given: Readonly<Record<string, string>>, stamp?: Stamp): void {
      const before = newest(kind, id)?.properties ?? {};
      const properties = isStageBack(before, given)
        ? { ...given, lifecyclestage: before['lifecyclestage'] ?? '' }
        : given;
      const after = Object.fromEntries(
        Object.entries({ ...before, ...properties }).filter(([, value]) => value !== ''),
      );
      put(kind, id, { properties: after, archivedAt: null }, stamp);
      for (const [name, value] of Object.entries(properties))
        if ((before[name] ?? '') !== value) tell({ kind, id, what: 'propertyChange', property: [name, value] });
    },
    archive(kind: Kind, id: string, stamp?: Stamp): void {
      const entry = newest(kind, id);
      if (!entry || entry.archivedAt !== null) return;
      const at = stamp?.at?.getTime() ?? clockNow();
      // Archiving does not move the time of the last change.
      const kept = { ...stamp, at: new Date(entry.updatedAt) };
      put(kind, id, { properties: { ...entry.properties }, archivedAt: at }, kept);
      tell({ kind, id, what: 'deletion' });
    },
    /** Gone for good, from the recycle bin too. */
    purge(kind: Kind, id: string): void {
      put(kind, id, null);
      tell({ kind, id, what: 'privacyDeletion' });
    },
    merge(kind: Kind, winner: string, loser: string): void {
      const [won, lost] = [newest(kind, winner), newest(kind, loser)];
      if (!won || !lost) throw new RangeError(`there are no two ${kind} ${winner} and ${loser}`);
      const ids = [won.properties['hs_merged_object_ids'], lost.properties['hs_merged_object_ids'], loser];
      const properties = { ...lost.properties, ...won.properties, hs_merged_object_ids: ids.filter(Boolean).join(';') };
      merged.set(loser, winner);
      put(kind, winner, { properties, archivedAt: null });
      tell({ kind, id: winner, what: 'merge', mergedIds: [loser] });
    },
    /** Links two objects both ways; the first one of its kind is the main one until another is made it. Neither counts as changed. */
    link(from: readonly [Kind, string], to: readonly [Kind, string], isMain = false): void {
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const) {
        const [usual = 0, main = null] = ASSOCIATION_TYPES[`${one[0]} ${other[0]}`] ?? [];
        const all = links.get(one.join('/')) ?? new Map<string, number[]>();
        const ofKind = [...all.keys()].filter((key) => key.startsWith(`${other[0]}/`));
        const isMade = isMain && one === from;
        if (isMade) for (const key of ofKind) all.set(key, [usual]);
        const getsMain = main !== null && (isMade || ofKind.length === 0);
        if (getsMain || !all.has(other.join('/'))) all.set(other.join('/'), getsMain ? [main, usual] : [usual]);
        links.set(one.join('/'), all);
      }
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const)
        tell({ kind: one[0], id: one[1], what: 'associationChange', linkedId: other[1] });
    },
    unlink(from: readonly [Kind, string], to: readonly [Kind, string]): void {
      links.get(from.join('/'))?.delete(to.join('/'));
      links.get(to.join('/'))?.delete(from.join('/'));
      for (const [one, other] of [
        [from, to],
        [to, from],
      ] as const)
        tell({ kind: one[0], id: one[1], what: 'associationChange', linkedId: other[1] });
    },
    /** What an object is linked to: id and types of association. */
    linked(from: readonly [Kind, string], to: Kind): readonly (readonly [id: string, types: readonly number[]])[] {
      return [...(links.get(from.join('/')) ?? [])].flatMap(([key, types]) => {
        const [kind, id = ''] = key.split('/');
        const isThere = kind === to && newest(to, id)?.archivedAt === null;
        return isThere ? [[id, types] as const] : [];
      });
    },
    save: (): JsonObject => ({
      lastId,
      merged: [...merged],
      links: [...links].map(([from, to]) => [from, [...to].map(([id, types]) => [id, types])]),
      tables: Object.fromEntries([...tables].map(([kind, one]) => [kind, one.save()])),
    }),
  };

  if (saved) {
    lastId = Number(saved['lastId']);
    for (const [loser, winner] of pairs(saved['merged'])) merged.set(String(loser), String(winner));
    for (const [from, to] of pairs(saved['links']))
      links.set(String(from), new Map(pairs(to).map(([id, types]) => [String(id), numbers(types)])));
    for (const kind of KINDS) table(kind).load((saved['tables'] as JsonObject | undefined)?.[kind] ?? []);
  }
  return portal;
}

function entryOf({ id, values, createdAt, updatedAt }: Version): Entry | null {
  if (values === null) return null;
  const archivedAt = typeof values['archivedAt'] === 'number' ? values['archivedAt'] : null;
  const properties = values['properties'] as Record<string, string>;
  return { id, properties, createdAt, updatedAt, archivedAt };
}

/** A stage only ever moves on, unless it was cleared before. */
function isStageBack(before: Readonly<Record<string, string>>, given: Readonly<Record<string, string>>): boolean {
  const [from, to] = [before['lifecyclestage'] ?? '', given['lifecyclestage'] ?? ''];
  return to !== '' && STAGES.includes(to) && STAGES.indexOf(to) < STAGES.indexOf(from);
}

/** A property's value as it is shown, the ones HubSpot sets included; `null`: empty. */
export function propertyText(kind: Kind, entry: Entry, name: string): string | null {
  if (name === FACTS[kind].modified) return new Date(entry.updatedAt).toISOString();
  if (name === 'createdate') return new Date(entry.createdAt).toISOString();
  if (name === 'hs_object_id') return entry.id;
  if (kind === 'line_items' && name === 'amount')
    return String(Number(entry.properties['price'] ?? 0) * Number(entry.properties['quantity'] ?? 1));
  return entry.properties[name] ?? null;
}

const pairs = (value: Json | undefined): [Json, Json][] => (Array.isArray(value) ? (value as [Json, Json][]) : []);
const numbers = (value: Json): number[] => (Array.isArray(value) ? value.map(Number) : []);
