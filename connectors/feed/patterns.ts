/** File name patterns: `*`, `?` and `{placeholder}`; natural order of names. */

export type FilePattern = {
  readonly text: string;
  readonly placeholders: readonly string[];
  /** What the placeholders stand for in this name; `null`: the name does not match. */
  match(name: string): Readonly<Record<string, string>> | null;
};

/** Names a placeholder may not have: the page's context uses them itself. */
const RESERVED = new Set([
  'format',
  'file',
  'header',
  'delimiter',
  'quote',
  'encoding',
  'notes',
  '__proto__',
  'constructor',
]);

/** What is wrong with a pattern, in words; `null`: nothing. */
export function patternProblem(text: string): string | null {
  if (text === '' || /[/\\\p{Cc}]/u.test(text))
    return 'is the name of a file in the folder, without / or \\ (folders below are not read)';
  const names = [...text.matchAll(/\{([^}]*)\}/g)].map((found) => found[1] ?? '');
  const wrong = names.find((name) => !/^[A-Za-z]\w*$/.test(name));
  if (wrong !== undefined) return `{${wrong}} is no placeholder: letters, digits and _ only`;
  if (/[{}]/.test(text.replace(/\{\w+\}/g, ''))) return 'has a { or } without its partner';
  if (new Set(names).size < names.length) return 'names a placeholder twice';
  const reserved = names.find((name) => RESERVED.has(name));
  if (reserved !== undefined) return `{${reserved}} is a reserved name; call the placeholder something else`;
  if (/\}\{/.test(text)) return 'has two placeholders without anything between them';
  return null;
}

/** @throws nothing; check with `patternProblem` first. */
export function compilePattern(text: string): FilePattern {
  const placeholders: string[] = [];
  const source = text.replace(/\{(\w+)\}|[*?]+|[^*?{]+/g, (piece: string, name: string | undefined) => {
    if (name !== undefined) {
      placeholders.push(name);
      return '(.+?)';
    }
    if (/^[*?]/.test(piece)) return `.{${piece.replaceAll('*', '').length},${piece.includes('*') ? '' : piece.length}}`;
    return piece.replace(/[.+^$()|[\]\\}]/g, '\\$&');
  });
  const expression = new RegExp(`^${source}$`, 'su');
  const takesHidden = text.startsWith('.');
  const match = (name: string) => {
    if (name.startsWith('.') && !takesHidden) return null;
    const found = expression.exec(name);
    return found === null ? null : Object.fromEntries(placeholders.map((key, index) => [key, found[index + 1] ?? '']));
  };
  return { text, placeholders, match };
}

/** Puts values into `{placeholders}`. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? whole) : whole,
  );
}

/** Orders names as people do: digits as numbers (`a-9` before `a-10`), everything else by code unit. */
export function compareNames(left: string, right: string): number {
  const one = left.match(/\d+|\D+/g) ?? [];
  const two = right.match(/\d+|\D+/g) ?? [];
  for (let at = 0; at < Math.min(one.length, two.length); at++) {
    const a = one[at] ?? '';
    const b = two[at] ?? '';
    const isNumber = /^\d/.test(a) && /^\d/.test(b);
    const order = isNumber ? compareDigits(a, b) : compareText(a, b);
    if (order !== 0) return order;
  }
  return one.length - two.length || compareText(left, right);
}

function compareDigits(left: string, right: string): number {
  const a = left.replace(/^0+/, '');
  const b = right.replace(/^0+/, '');
  return a.length - b.length || compareText(a, b);
}

function compareText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** The last number in a name, for `order: numbered`; `-1` where there is none. */
export function numberIn(name: string): bigint {
  const digits = name.replace(/\.[A-Za-z]\w*$/, '').match(/\d+/g);
  return digits === null ? -1n : BigInt(digits.at(-1) ?? '-1');
}

/** True for a name that can only be a plain file of the folder itself. */
export function isPlainName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && name.length <= 255 && !/[/\\\p{Cc}]/u.test(name);
}
