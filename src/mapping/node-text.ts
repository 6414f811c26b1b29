/** Texts of a mapping file on their way to the one-line reader: places, `{n}` and the holes of templates. */
import type { Node, Span } from './ast.ts';
import { closing, parseBetween, type Reading } from './expression.ts';
import type { PlacedText } from './position.ts';
import { asScalar, placedText, spanOf, type YamlNode } from './yaml-reader.ts';

/** `number`: what `{n}` stands for inside a `numbered` loop. */
export type NodeReading = Reading & { readonly text: string; readonly number: number | null };

export function report(reading: NodeReading, at: Span, message: string, remedy: string, code = 'syntax'): null {
  reading.problems.report(at, { code, message, remedy });
  return null;
}

/** Text of a scalar with its place; `null` for anything else. */
export function placed(node: YamlNode, reading: NodeReading): PlacedText | null {
  const scalar = asScalar(node);
  if (scalar === null) return null;
  const text = placedText(reading.text, scalar);
  return reading.number === null ? text : substitute(text, String(reading.number));
}

/** Puts a number where `{n}` stands; places still point into the file. */
function substitute(source: PlacedText, number: string): PlacedText {
  const places: number[] = [];
  let text = '';
  for (let at = 0; at < source.text.length; at += 1) {
    const isHole = source.text.startsWith('{n}', at);
    const piece = isHole ? number : (source.text[at] ?? '');
    text += piece;
    for (let index = 0; index < piece.length; index += 1) places.push(at);
    if (isHole) at += 2;
  }
  places.push(source.text.length);
  const placeOf = (index: number): number => places[Math.min(index, places.length - 1)] ?? 0;
  return { text, span: (start, end) => source.span(placeOf(start), placeOf(end)) };
}

/** `{First name} {Last name | upper}`; `{{` is a brace. */
export function parseTemplate(node: YamlNode, reading: NodeReading): Node | null {
  const source = placed(node, reading);
  if (source === null)
    return report(reading, spanOf(node), 'A template is a text.', 'Write `template: "{First name} {Last name}"`.');
  const { text } = source;
  const parts: (string | Node)[] = [];
  let plain = '';
  for (let at = 0; at < text.length; at += 1) {
    if (text.startsWith('{{', at) || text.startsWith('}}', at)) {
      plain += text[at];
      at += 1;
    } else if (text[at] === '{') {
      const close = holeEnd(text, at + 1);
      if (close < 0)
        return report(
          reading,
          source.span(at, at + 1),
          'This { is not closed.',
          'Write } behind the path, or {{ for a brace.',
        );
      const hole = parseBetween(source, at + 1, close, reading);
      if (hole === null) return null;
      if (plain !== '') parts.push(plain);
      parts.push(hole);
      plain = '';
      at = close;
    } else plain += text[at];
  }
  if (plain !== '') parts.push(plain);
  return { kind: 'template', parts, at: spanOf(node) };
}

function holeEnd(text: string, start: number): number {
  for (let at = start; at < text.length; at += 1) {
    if (text[at] === '`' || text[at] === '"') at = closing(text, at, text.length, text[at] ?? '');
    else if (text[at] === '}') return at;
  }
  return -1;
}
