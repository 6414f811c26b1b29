/** Which faults strike where: the same for the same seed, so that each point can be tried again alone. */
import type { Phase } from './feed.ts';
import { type Random, randomOf } from './random.ts';
import type { Strike } from './strike.ts';
import { PLACES, type Places } from './tapped-store.ts';

/** What an undisturbed sync of a phase passes and how long it takes. */
export type Course = { readonly passed: Places; readonly ms: number };

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

/** Every place of both phases comes up once before any comes up again; a third of the points strike at a moment instead. */
export function pglitePoint(seed: number, no: number, courses: Readonly<Record<Phase, Course>>): Point {
  const random = randomOf(seed * 1009 + no);
  const places = allPlaces(seed, courses);
  const strikes = no - Math.ceil(no / 3);
  if (no % 3 === 1) return { no, ...atMoments(random, courses) };
  const chosen = places[strikes % places.length];
  if (!chosen) return { no, ...atMoments(random, courses) };
  const deaths: Death[] = [{ what: 'strike', strike: chosen.strike }];
  // The worker that makes up for it is struck as well.
  if (random.next() < 0.3) deaths.push(moment(random, courses[chosen.phase]));
  return { no, phase: chosen.phase, deaths };
}

/** Kills at every place; and at those where nothing is locked, a worker that stands still while another takes over. */
function allPlaces(seed: number, courses: Readonly<Record<Phase, Course>>): { phase: Phase; strike: Strike }[] {
  const random = randomOf(seed);
  const kills: { phase: Phase; strike: Strike }[] = [];
  const freezes: { phase: Phase; strike: Strike }[] = [];
  for (const phase of [1, 2] as const) {
    for (const place of PLACES) {
      for (let nth = 1; nth <= courses[phase].passed[place]; nth += 1) {
        if (place === 'transaction') freezes.push({ phase, strike: { what: 'freeze', place, nth } });
        else kills.push({ phase, strike: { what: 'kill', place, nth } });
      }
    }
  }
  const [left, right] = [random.shuffle(kills), random.shuffle(freezes)];
  const mixed: typeof kills = [];
  while (left.length + right.length > 0) {
    mixed.push(...left.splice(0, 3), ...right.splice(0, 1));
  }
  return mixed;
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
