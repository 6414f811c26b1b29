/** The name that was probably meant, or `null`. Case and `_` or `-` do not count. */
export function nearest(written: string, candidates: readonly string[]): string | null {
  const plain = bare(written);
  let best: string | null = null;
  let bestDistance = Math.max(1, Math.floor(plain.length / 3)) + 1;
  for (const candidate of candidates) {
    const found = distance(plain, bare(candidate));
    if (found < bestDistance) {
      best = candidate;
      bestDistance = found;
    }
  }
  return best;
}

/** What to do about a name nobody knows. */
export function remedyForName(written: string, candidates: readonly string[]): string {
  const near = nearest(written, candidates);
  if (near !== null) return `Did you mean \`${near}\`?`;
  if (candidates.length === 0) return 'Remove it.';
  return `Known here: ${candidates.slice(0, 16).join(', ')}${candidates.length > 16 ? ', …' : ''}.`;
}

const bare = (name: string): string => name.toLowerCase().replace(/[_-]/g, '');

/** Letters to insert, remove, replace or swap. */
function distance(left: string, right: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replace = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const isSwap =
        row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      const swap = isSwap ? (before[column - 2] ?? 0) + 1 : replace;
      current.push(Math.min((previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1, replace, swap));
    }
    before = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
}
