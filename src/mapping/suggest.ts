/** "Did you mean": the candidate nearest to what was written. */

/** Number of letters to insert, remove, replace or swap; stops counting above `limit`. */
function distance(left: string, right: string, limit: number): number {
  if (Math.abs(left.length - right.length) > limit) return limit + 1;
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const cost = left[row - 1] === right[column - 1] ? 0 : 1;
      let best = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + cost,
      );
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (isSwap) best = Math.min(best, (before[column - 2] ?? 0) + 1);
      current.push(best);
    }
    before = previous;
    previous = current;
  }
  return previous[right.length] ?? limit + 1;
}

/** The nearest candidate, or `null` when none is near. */
export function nearest(written: string, candidates: Iterable<string>): string | null {
  const plain = written.toLowerCase();
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(written.length / 3)) + 1;
  for (const candidate of candidates) {
    const found = distance(plain, candidate.toLowerCase(), bestDistance);
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** A remedy that names the nearest candidate, or else lists what there is. */
export function didYouMean(written: string, candidates: readonly string[], otherwise = 'There is'): string {
  const near = nearest(written, candidates);
  if (near !== null) return `Did you mean "${near}"?`;
  if (candidates.length === 0) return 'Remove it.';
  const shown = candidates.slice(0, 12).join(', ');
  return `${otherwise} ${shown}${candidates.length > 12 ? ` and ${candidates.length - 12} more` : ''}.`;
}
