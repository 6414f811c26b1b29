/**
 * The elements of a JSON list, each as it was written: parsing and writing it again would change numbers a float cannot hold.
 * @param text a valid JSON list
 */
export function elementsOf(text: string): readonly string[] {
  const elements: string[] = [];
  let depth = 0;
  let start = -1;
  for (let at = 0; at < text.length; at++) {
    const mark = text[at];
    if (mark === '"') at = endOfString(text, at);
    else if (mark === '[' || mark === '{') {
      depth += 1;
      if (depth === 1) start = at + 1;
    } else if (mark === ']' || mark === '}') depth -= 1;
    const isEnd = depth === 0 && mark === ']';
    if (start < 0 || !(isEnd || (depth === 1 && mark === ','))) continue;
    const element = text.slice(start, at).trim();
    if (element !== '') elements.push(element);
    start = isEnd ? -1 : at + 1;
  }
  return elements;
}

/** Place of the quote that closes the string which begins at `at`. */
function endOfString(text: string, at: number): number {
  let end = at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  return end;
}
