/** Which faults strike where: the same for the same seed, so that each point can be tried again alone. */

import { type Random, randomOf } from '../../src/sandbox/random.ts';
import { PHASES, type Phase } from './feed.ts';
import type { Strike } from './strike.ts';
import type { Place, Places } from './tapped-store.ts';

/** In the order in which they take their turns. */
const KINDS: readonly Place[] = ['before-commit', 'transaction', 'copy', 'after-commit', 'before-write', 'after-write'];

/** What an undisturbed sync of a phase passes and how long it takes. */
export type Course = { readonly passed: Places; readonly pages: readonly number[]; readonly ms: number };

/** A worker's end. */
export type Death =
  | { readonly what: 'strike'; readonly strike: Strike }
  | { readonly what: 'time'; readonly afterMs: number };

export type Point = {
  /** From 1. */
  readonly no: number;
  readonly phase: Phase;
  /** One worker after another dies so; the next one after them is left alone. */
  readonly deaths: readonly Death[];
};

/** Every place of both syncs comes up once before any comes up again; every third point strikes at moments instead. */
export function pglitePoint(seed: number, no: number, courses: Readonly<Record<Phase, Course>>): Point {
  const random = randomOf(seed * 1009 + no);
  const places = allPlaces(seed, courses);
  const strikes = no - 1 - Math.floor(no / 3);
  if (no % 3 === 0) return { no, ...atMoments(random, courses) };
  const chosen = places[strikes % places.length];
  if (!chosen) return { no, ...atMoments(random, courses) };
  const deaths: Death[] = [{ what: 'strike', strike: chosen.strike }];
  // The worker that makes up for it is struck as well.
  if (random.next() < 0.3) deaths.push(moment(random, courses[chosen.phase]));
  return { no, phase: chosen.phase, deaths };
}

type Struck = { readonly phase: Phase; readonly strike: Strike };

/** The places of both syncs, one kind after the other. */
function allPlaces(seed: number, courses: Readonly<Record<Phase, Course>>): Struck[] {
  const random = randomOf(seed);
  const kinds = KINDS.map((place): Struck[] => {
    if (place === 'transaction') return freezes(random, courses);
    return random.shuffle(
      PHASES.flatMap((phase) =>
        upTo(courses[phase].passed[place]).map((nth) => ({ phase, strike: { what: 'kill' as const, place, nth } })),
      ),
    );
  });
  return inTurns(kinds);
}

/**
 * A worker that stands still while another takes over does so before a transaction, where nothing is locked. Pages of the
 * second sync come up as often as all others, for in the first the unique index alone would keep a zombie out.
 */
function freezes(random: Random, courses: Readonly<Record<Phase, Course>>): Struck[] {
  const all = PHASES.flatMap((phase) =>
    upTo(courses[phase].passed.transaction).map((nth) => ({
      phase,
      strike: { what: 'freeze' as const, place: 'transaction' as const, nth },
    })),
  );
  const isLatePage = ({ phase, strike }: Struck): boolean => phase === 2 && courses[2].pages.includes(strike.nth);
  return inTurns([random.shuffle(all.filter(isLatePage)), random.shuffle(all.filter((one) => !isLatePage(one)))]);
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);

function inTurns<T>(lists: readonly (readonly T[])[]): T[] {
  const most = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: most }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}

const moment = (random: Random, course: Course): Death => ({
  what: 'time',
  afterMs: Math.round(random.next() * course.ms),
});

function atMoments(random: Random, courses: Readonly<Record<Phase, Course>>): Pick<Point, 'phase' | 'deaths'> {
  const phase = random.pick([1, 2] as const);
  return { phase, deaths: Array.from({ length: random.whole(1, 3) }, () => moment(random, courses[phase])) };
}

/** A point in words. */
export function describePoint({ phase, deaths }: Point): string {
  const words = deaths.map((death) =>
    death.what === 'time'
      ? `killed after ${death.afterMs} ms`
      : `${death.strike.what === 'kill' ? 'killed' : 'frozen'} at ${death.strike.place} ${death.strike.nth}`,
  );
  return `sync ${phase}, ${words.join(', then ')}`;
}

/** What happens to the services of a sync on PostgreSQL and Redis. */
export type Scenario =
  /** One worker; killed at a place or moment, and another is started. */
  | 'kill'
  | 'kill-at-moments'
  /** Two workers at once, one of which is killed. */
  | 'kill-one-of-two'
  /** Two workers; one stands still before a transaction until the other has ended the run, and goes on then. */
  | 'freeze-one-of-two'
  /** Two workers; one stands still wherever it is, longer than its lease. */
  | 'stop-one-of-two'
  /** Redis is killed and comes back with nothing. */
  | 'redis-empty'
  /** PostgreSQL ends as in a crash and comes back. */
  | 'postgres-crash'
  /** Both of them, and the worker as well. */
  | 'everything';

const SCENARIOS: readonly Scenario[] = [
  'kill',
  'redis-empty',
  'freeze-one-of-two',
  'postgres-crash',
  'kill-one-of-two',
  'kill-at-moments',
  'stop-one-of-two',
  'everything',
];

export type ServicePoint = {
  readonly no: number;
  readonly phase: Phase;
  readonly scenario: Scenario;
  readonly strike: Strike;
  readonly moments: readonly number[];
};

/** Scenarios take turns; places and moments are left to the seed. */
export function servicePoint(seed: number, no: number, courses: Readonly<Record<Phase, Course>>): ServicePoint {
  const random = randomOf(seed * 2003 + no);
  const scenario = SCENARIOS[(no - 1) % SCENARIOS.length] ?? 'kill';
  const isFreeze = scenario === 'freeze-one-of-two';
  const chance = random.pick([1, 2] as const);
  // Every other zombie comes in the second sync, where nothing but the fence keeps it out.
  const phase = isFreeze && Math.floor(no / SCENARIOS.length) % 2 === 0 ? 2 : chance;
  const place = isFreeze
    ? 'transaction'
    : random.pick(['before-commit', 'after-commit', 'copy', 'before-commit', 'after-commit'] as const);
  const { passed, pages, ms } = courses[phase];
  const [first = 1, ...others] = pages;
  const nth = isFreeze ? random.pick([first, ...others]) : random.whole(1, Math.max(1, passed[place]));
  const moments = Array.from({ length: scenario === 'kill-at-moments' ? random.whole(1, 3) : 1 }, () =>
    Math.round(random.next() * ms),
  );
  return { no, phase, scenario, strike: { what: isFreeze ? 'freeze' : 'kill', place, nth }, moments };
}

/** A point in words. */
export function describeServicePoint({ phase, scenario, strike, moments }: ServicePoint): string {
  const when =
    scenario === 'kill' || scenario === 'kill-one-of-two' || scenario === 'freeze-one-of-two'
      ? `at ${strike.place} ${strike.nth}`
      : `after ${moments.join(' and ')} ms`;
  return `sync ${phase}, ${scenario.replaceAll('-', ' ')} ${when}`;
}
