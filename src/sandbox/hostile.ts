/**
 * A source that does what real ones do to readers, by seed: what goes wrong with requests, and how records change while
 * somebody reads them. It is put over any vendor system, which answers the faults in its own shape.
 */
import type { Clock, Json } from '../connector/contract.ts';
import type { Faults, RequestFault } from './faults.ts';
import { type Random, randomOf } from './random.ts';
import type { Change, VendorSystem } from './system.ts';

/** What a hostile source does; the names are counted and told. */
export const TRICKS = [
  'late commit',
  'equal times',
  'created between pages',
  'edited between pages',
  'deleted between pages',
  'clock skew',
  'storm of 429',
  '5xx',
  'page of a proxy',
  'cut body',
  'slow body',
  'token expired',
  'unknown field',
  'missing field',
  'deleted',
  'made again',
  'webhook lost',
  'webhook doubled',
  'webhook late',
] as const;
export type Trick = (typeof TRICKS)[number];

export type HostileOptions = {
  readonly seed: number;
  readonly clock: Clock;
  /** How late a change may be seen under an older time, clock skew included: what the connector promises to bear. */
  readonly bearsMs: number;
  /** Optional fields that may be missing from an answer. */
  readonly optional: readonly string[];
};

export type Hostile = {
  /** To open the system with. */
  readonly faults: Faults;
  /** How often each trick was played. */
  readonly played: Readonly<Record<Trick, number>>;
  /** Lets it loose on the system, in these streams. */
  loose(system: VendorSystem, streams: readonly string[]): void;
  /** Some changes at once, of each kind. */
  disturb(changes: number): Promise<void>;
  /** Ends all faults; what is committed late is seen in time. */
  calm(): void;
};

/** Chances of what goes wrong with one request. */
const OF_REQUESTS: readonly (readonly [Trick, number])[] = [
  ['storm of 429', 0.02],
  ['5xx', 0.02],
  ['page of a proxy', 0.01],
  ['cut body', 0.015],
  ['slow body', 0.015],
  ['token expired', 0.01],
];
const WEBHOOK_TRICKS: Readonly<Partial<Record<ReturnType<Faults['onWebhook']>, Trick>>> = {
  lose: 'webhook lost',
  double: 'webhook doubled',
  late: 'webhook late',
};
const CHANCE_BETWEEN_PAGES = 0.25;
const CHANCE_OF_DRIFT = 0.1;
/** Records that are never touched, so that none of a stream's pages ever is empty. */
const LEAST_RECORDS = 3;

export function makeHostile({ seed, clock, bearsMs, optional }: HostileOptions): Hostile {
  const random = randomOf(seed * 7919 + 17);
  // Deliveries come when they come: what else goes wrong does not depend on it.
  const ofWebhooks = randomOf(seed * 7919 + 18);
  const played = Object.fromEntries(TRICKS.map((trick) => [trick, 0])) as Record<Trick, number>;
  const play = (trick: Trick): void => {
    played[trick] += 1;
  };
  let target: { readonly system: VendorSystem; readonly streams: readonly [string, ...string[]] } | null = null;
  let marker = 0;
  const storm: RequestFault[] = [];
  // What the skew leaves is for lateness: both together are what the connector bears.
  const clockSkewMs = random.next() < 0.5 ? 0 : Math.floor((random.next() - 0.5) * bearsMs * 0.6);
  const latestMs = Math.floor(bearsMs * 0.6);
  if (clockSkewMs !== 0) play('clock skew');

  const onRequest = (): RequestFault | null => {
    const waiting = storm.shift();
    if (waiting) return waiting;
    if (!target) return null;
    const drawn = random.next();
    let sum = 0;
    for (const [trick, chance] of OF_REQUESTS) {
      sum += chance;
      if (drawn >= sum) continue;
      play(trick);
      const [first, ...more] = faultsOf(trick, random);
      storm.push(...more);
      return first ?? null;
    }
    return null;
  };
  const nextMarker = (): string => {
    marker += 1;
    return `mark ${seed} ${marker}`;
  };
  const anyId = (system: VendorSystem, stream: string): string | null => {
    const ids = [...system.truth(stream).keys()];
    return ids.length <= LEAST_RECORDS ? null : (ids[random.whole(0, ids.length - 1)] ?? null);
  };
  const change = async (make: (system: VendorSystem, stream: string) => Change | null): Promise<boolean> => {
    if (!target) return false;
    const made = make(target.system, random.pick(target.streams));
    if (made) await target.system.change(made);
    return made !== null;
  };
  const create = (stamp?: Change['stamp']) =>
    change((_system, stream) => ({ kind: 'create', stream, marker: nextMarker(), ...(stamp ? { stamp } : {}) }));
  const update = (stamp?: Change['stamp']) =>
    change((system, stream) => {
      const id = anyId(system, stream);
      return id === null ? null : { kind: 'update', stream, id, marker: nextMarker(), ...(stamp ? { stamp } : {}) };
    });
  const remove = () =>
    change((system, stream) => {
      const id = anyId(system, stream);
      return id === null ? null : { kind: 'delete', stream, id };
    });

  /** Everything that may happen to records while nobody reads. */
  const events: readonly (() => Promise<void>)[] = [
    async () => void (await create()),
    async () => void (await update()),
    async () => {
      if (await remove()) play('deleted');
    },
    async () => {
      if (!(await remove())) return;
      play('made again');
      await create();
    },
    async () => {
      const now = clock.now().getTime();
      const lateMs = random.whole(1, latestMs);
      const stamp = { at: new Date(now), visibleAt: new Date(now + lateMs) };
      if (await (random.next() < 0.5 ? create(stamp) : update(stamp))) play('late commit');
    },
    async () => {
      const stamp = { at: clock.now() };
      play('equal times');
      for (let no = random.whole(2, 5); no > 0; no -= 1) await (random.next() < 0.7 ? create(stamp) : update(stamp));
    },
  ];
  return {
    played,
    faults: {
      clockSkewMs,
      onRequest,
      onWebhook() {
        const fate = ofWebhooks.pick(['deliver', 'deliver', 'lose', 'double', 'late'] as const);
        const trick = WEBHOOK_TRICKS[fate];
        if (trick) play(trick);
        return fate;
      },
      betweenPages(listed) {
        if (!target || random.next() >= CHANCE_BETWEEN_PAGES) return;
        const { system, streams } = target;
        // Some systems cannot tell which of their lists was asked for.
        const stream = listed === '' ? random.pick(streams) : listed;
        if (!streams.includes(stream)) return;
        const id = anyId(system, stream);
        const kind = random.pick(['create', 'update', 'delete'] as const);
        if (kind === 'create') {
          play('created between pages');
          void system.change({ kind, stream, marker: nextMarker() });
        } else if (id !== null) {
          play(kind === 'update' ? 'edited between pages' : 'deleted between pages');
          void system.change(kind === 'update' ? { kind, stream, id, marker: nextMarker() } : { kind, stream, id });
        }
      },
      drift(body) {
        if (!target || random.next() >= CHANCE_OF_DRIFT) return body;
        if (optional.length === 0 || random.next() < 0.5) {
          const { changed, count } = drifted(body, (record) => ({ ...record, unheard_of: { since: 'today' } }));
          if (count > 0) play('unknown field');
          return changed;
        }
        const missing = optional[random.whole(0, optional.length - 1)] ?? '';
        const { changed, count } = drifted(body, ({ [missing]: _, ...rest }) => rest, missing);
        if (count > 0) play('missing field');
        return changed;
      },
    },
    loose(system, [first, ...more]) {
      if (first !== undefined) target = { system, streams: [first, ...more] };
    },
    async disturb(changes) {
      for (let no = 0; no < changes; no += 1) await events[random.whole(0, events.length - 1)]?.();
    },
    calm() {
      target = null;
      storm.length = 0;
    },
  };
}

function faultsOf(trick: Trick, random: Random): RequestFault[] {
  const several = <T>(most: number, make: () => T): T[] => Array.from({ length: random.whole(1, most) }, make);
  switch (trick) {
    case 'storm of 429':
      return several(4, () => ({ kind: 'limited', retryAfterMs: random.whole(1, 20) * 1000 }));
    case '5xx':
      return several(3, () => ({ kind: 'unavailable', status: random.pick([500, 502, 503, 504] as const) }));
    case 'page of a proxy':
      return [{ kind: 'html', status: random.pick([200, 500, 503] as const) }];
    case 'cut body':
      return [{ kind: 'cut' }];
    case 'slow body':
      return [{ kind: 'slow', ms: random.whole(100, 5000) }];
    case 'token expired':
      return [{ kind: 'expired' }];
    default:
      return [];
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Changes the records of an answer that have the field: objects with an id, in a list. */
function drifted(body: object, change: (record: Fields) => Fields, field?: string): { changed: object; count: number } {
  let count = 0;
  const visit = (value: unknown, isInList: boolean): unknown => {
    if (Array.isArray(value)) return value.map((entry) => visit(entry, true));
    if (typeof value !== 'object' || value === null) return value;
    if (isInList && ('id' in value || 'Id' in value) && (field === undefined || field in value)) {
      count += 1;
      return change({ ...value });
    }
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, visit(inner, false)]));
  };
  return { changed: visit(body, false) as Json & object, count };
}
