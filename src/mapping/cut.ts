/** Cutting texts that hold lists. */

/** Cuts at a separator; one behind the escape sign belongs to the text, which loses the sign. */
export function cut(text: string, separator: string, sign: string | undefined): string[] {
  if (separator === '') return [text];
  const pieces = text.split(separator);
  if (sign === undefined || sign === '' || !text.includes(sign + separator)) return pieces;
  const parts: string[] = [];
  let begun = '';
  for (const [at, piece] of pieces.entries()) {
    const goesOn = at < pieces.length - 1 && piece.endsWith(sign);
    begun += goesOn ? piece.slice(0, -sign.length) + separator : piece;
    if (goesOn) continue;
    parts.push(begun);
    begun = '';
  }
  return parts;
}
