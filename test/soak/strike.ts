/** A fault at a place of the program. */
import type { Place } from './tapped-store.ts';

export type Strike = {
  readonly what: 'kill' | 'freeze';
  readonly place: Place;
  /** From 1. */
  readonly nth: number;
};

/** Strikes once, at the place. */
export function struck({ place, nth }: Strike, strike: () => void): (place: Place, nth: number) => void {
  return (here, count) => {
    if (here === place && count === nth) strike();
  };
}
