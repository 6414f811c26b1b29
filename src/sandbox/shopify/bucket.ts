/** The leaky bucket of query cost. */
import type { Shop } from './shop.ts';

const MOST_POINTS = 2000;
const POINTS_PER_SECOND = 100;

export type Bucket = {
  /** Takes points; false: there are not enough. */
  take(points: number): boolean;
  giveBack(points: number): void;
  /** Nothing is left but what comes back from now on: `ms` until this many points are there. */
  drain(points: number, ms: number): void;
  status(): { maximumAvailable: number; currentlyAvailable: number; restoreRate: number };
};

export function openBucket(shop: Shop): Bucket {
  const most = MOST_POINTS * shop.speed;
  const rate = POINTS_PER_SECOND * shop.speed;
  let available = most;
  let asOf = shop.now();
  const restore = () => {
    const now = shop.now();
    available = Math.min(most, available + (Math.max(0, now - asOf) / 1000) * rate);
    asOf = now;
  };
  return {
    take: (points) => {
      restore();
      if (points > available) return false;
      available -= points;
      return true;
    },
    giveBack: (points) => {
      available = Math.min(most, available + points);
    },
    drain: (points, ms) => {
      restore();
      available = Math.min(available, points - (ms / 1000) * rate);
    },
    status: () => {
      restore();
      return { maximumAvailable: most, currentlyAvailable: Math.max(0, Math.floor(available)), restoreRate: rate };
    },
  };
}
