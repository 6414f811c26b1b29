import { defineFunction } from './define.ts';

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Walks once from tag to tag; a regular expression over nested quantifiers could take quadratic time. */
function withoutTags(html: string): string {
  let text = '';
  let at = 0;
  while (at < html.length) {
    const open = html.indexOf('<', at);
    if (open < 0) return text + html.slice(at);
    // "< 30 °C" begins no tag, in no browser either.
    if (!/[a-z/!?]/i.test(html[open + 1] ?? '')) {
      text += html.slice(at, open + 1);
      at = open + 1;
      continue;
    }
    text += html.slice(at, open);
    const end = tagEnd(html, open);
    if (end < 0) return text;
    text += ' ';
    at = end;
  }
  return text;
}

function tagEnd(html: string, open: number): number {
  const name = /^<(!--|script|style)/i.exec(html.slice(open, open + 8))?.[1]?.toLowerCase();
  if (name === '!--') return after(html, '-->', open);
  const close = after(html, '>', open);
  if (name === undefined || close < 0) return close;
  const rest = html.slice(close).toLowerCase().indexOf(`</${name}`);
  return rest < 0 ? -1 : after(html, '>', close + rest);
}

function after(html: string, mark: string, from: number): number {
  const found = html.indexOf(mark, from);
  return found < 0 ? -1 : found + mark.length;
}

function entity(whole: string, name: string): string {
  if (!name.startsWith('#')) return ENTITIES[name.toLowerCase()] ?? whole;
  const point = /^#x/i.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
  return point > 0 && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff) ? String.fromCodePoint(point) : whole;
}

export const stripHtml = defineFunction({
  name: 'strip_html',
  group: 'text',
  about:
    'The text of an HTML fragment: tags, scripts, styles and comments removed, entities of XML and &nbsp; resolved.',
  input: 'text',
  output: 'text',
  args: [],
  examples: [
    { input: '<p>Clay &amp; <b>stone</b></p>', call: 'strip_html', output: 'Clay & stone' },
    { input: 'up to < 30 °C, <i>then</i> cool', call: 'strip_html', output: 'up to < 30 °C, then cool' },
    { input: '<style>p{}</style><br/>', call: 'strip_html', output: null },
  ],
  run: (value) =>
    withoutTags(value)
      .replace(/&(#x?[0-9a-f]{1,6}|[a-z]{2,6});/gi, entity)
      .replace(/\s+/g, ' ')
      .trim(),
});
