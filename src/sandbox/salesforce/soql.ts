/** SOQL as far as connectors use it, read into plain data. Anything else is MALFORMED_QUERY, as in an org. */
import { ApiError } from './errors.ts';

export type Literal =
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }
  | { readonly kind: 'datetime'; readonly value: number }
  | { readonly kind: 'date'; readonly value: string };

export type Condition =
  | { readonly kind: 'and'; readonly of: readonly Condition[] }
  | { readonly kind: 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  | {
      readonly kind: 'compare';
      readonly path: string;
      readonly operator: '=' | '!=' | '<' | '<=' | '>' | '>=' | 'LIKE';
      readonly to: Literal;
    }
  | { readonly kind: 'in'; readonly path: string; readonly isNot: boolean; readonly of: readonly Literal[] };

export type Query = {
  readonly text: string;
  /** Paths asked for; `null`: COUNT(). */
  readonly select: readonly string[] | null;
  readonly from: string;
  readonly where: Condition | null;
  readonly orderBy: readonly { readonly path: string; readonly isDescending: boolean }[];
  readonly limit: number | null;
  readonly offset: number;
};

type Token = {
  readonly kind: 'word' | 'text' | 'number' | 'time' | 'mark' | 'end';
  readonly text: string;
  readonly at: number;
};

const TOKEN =
  /\s*(?:('(?:[^'\\\n]|\\.)*')|(\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,3})?(?:Z|[+-]\d\d:?\d\d))?)|([+-]?\d+(?:\.\d+)?)|([A-Za-z_][\w.]*)|(<=|>=|!=|<>|[=<>(),]))/y;
const MOST_CHARACTERS = 100_000;

/** @throws ApiError MALFORMED_QUERY */
export function parseSoql(text: string): Query {
  if (text.length > MOST_CHARACTERS) throw malformed('the query is longer than 100,000 characters');
  const reader = new Reader(tokens(text));
  reader.word('SELECT');
  const select = selection(reader);
  reader.word('FROM');
  const from = reader.name();
  const where = reader.skip('WHERE') ? either(reader) : null;
  const orderBy = reader.skip('ORDER') ? ordering(reader) : [];
  const limit = reader.skip('LIMIT') ? reader.whole() : null;
  const offset = reader.skip('OFFSET') ? reader.whole() : 0;
  reader.end();
  return { text, select, from, where, orderBy, limit, offset };
}

function selection(reader: Reader): readonly string[] | null {
  const first = reader.name();
  if (first.toUpperCase() === 'COUNT' && reader.skipMark('(')) {
    reader.mark(')');
    return null;
  }
  const paths = [first];
  while (reader.skipMark(',')) paths.push(reader.name());
  return paths;
}

function ordering(reader: Reader): Query['orderBy'] {
  reader.word('BY');
  const order: { path: string; isDescending: boolean }[] = [];
  do {
    const path = reader.name();
    const isDescending = !reader.skip('ASC') && reader.skip('DESC');
    if (reader.skip('NULLS') && !reader.skip('FIRST')) reader.word('LAST');
    order.push({ path, isDescending });
  } while (reader.skipMark(','));
  return order;
}

// An org refuses AND beside OR without brackets: which one binds closer is not for guessing.
function either(reader: Reader): Condition {
  const first = single(reader);
  const joint = reader.is('AND') ? 'AND' : 'OR';
  const of = [first];
  while (reader.skip(joint)) of.push(single(reader));
  if (of.length > 1 && (reader.is('AND') || reader.is('OR'))) throw reader.unexpected();
  return of.length === 1 ? first : { kind: joint === 'AND' ? 'and' : 'or', of };
}

function single(reader: Reader): Condition {
  if (reader.skip('NOT')) return { kind: 'not', of: single(reader) };
  if (reader.skipMark('(')) {
    const inner = either(reader);
    reader.mark(')');
    return inner;
  }
  return comparison(reader);
}

function comparison(reader: Reader): Condition {
  const path = reader.name();
  const isNot = reader.skip('NOT');
  if (reader.skip('IN')) {
    reader.mark('(');
    const of = [literal(reader)];
    while (reader.skipMark(',')) of.push(literal(reader));
    reader.mark(')');
    return { kind: 'in', path, isNot, of };
  }
  if (isNot) throw reader.unexpected();
  if (reader.skip('LIKE')) return { kind: 'compare', path, operator: 'LIKE', to: literal(reader) };
  const operator = reader.operator();
  return { kind: 'compare', path, operator, to: literal(reader) };
}

function literal(reader: Reader): Literal {
  const token = reader.next();
  if (token.kind === 'text') return { kind: 'text', value: unquote(token.text) };
  if (token.kind === 'number') return { kind: 'number', value: Number(token.text) };
  if (token.kind === 'time')
    return token.text.includes('T')
      ? { kind: 'datetime', value: Date.parse(token.text) }
      : { kind: 'date', value: token.text };
  const word = token.text.toLowerCase();
  if (token.kind === 'word' && word === 'null') return { kind: 'null' };
  if (token.kind === 'word' && (word === 'true' || word === 'false'))
    return { kind: 'boolean', value: word === 'true' };
  throw malformed(`unexpected token: '${token.text}'`);
}

const ESCAPED: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f' };

function unquote(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/g, (_all, letter: string) => {
    if (!/[nrtbf"'\\_%]/i.test(letter)) throw malformed(`Illegal escape sequence '\\${letter}' in string`);
    return ESCAPED[letter.toLowerCase()] ?? letter;
  });
}

function tokens(text: string): Token[] {
  const found: Token[] = [];
  TOKEN.lastIndex = 0;
  let at = 0;
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) throw malformed(`unexpected token: '${text.slice(at).trim().slice(0, 20)}'`);
    const [, quoted, time, number, word, mark] = match;
    at = TOKEN.lastIndex;
    if (quoted !== undefined) found.push({ kind: 'text', text: quoted, at });
    else if (time !== undefined) found.push({ kind: 'time', text: time, at });
    else if (number !== undefined) found.push({ kind: 'number', text: number, at });
    else if (word !== undefined) found.push({ kind: 'word', text: word, at });
    else found.push({ kind: 'mark', text: mark ?? '', at });
  }
  return [...found, { kind: 'end', text: '<EOF>', at }];
}

class Reader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(all: readonly Token[]) {
    this.#tokens = all;
  }

  next(): Token {
    const token = this.#peek();
    this.#at += 1;
    return token;
  }

  is(word: string): boolean {
    const token = this.#peek();
    return token.kind === 'word' && token.text.toUpperCase() === word;
  }

  skip(word: string): boolean {
    const is = this.is(word);
    if (is) this.#at += 1;
    return is;
  }

  skipMark(mark: string): boolean {
    const token = this.#peek();
    const is = token.kind === 'mark' && token.text === mark;
    if (is) this.#at += 1;
    return is;
  }

  word(word: string): void {
    if (!this.skip(word)) throw this.unexpected();
  }

  mark(mark: string): void {
    if (!this.skipMark(mark)) throw this.unexpected();
  }

  name(): string {
    if (this.#peek().kind !== 'word') throw this.unexpected();
    return this.next().text;
  }

  whole(): number {
    const token = this.#peek();
    if (token.kind !== 'number' || !/^\d+$/.test(token.text)) throw this.unexpected();
    return Number(this.next().text);
  }

  operator(): '=' | '!=' | '<' | '<=' | '>' | '>=' {
    const { text } = this.next();
    if (text === '<>') return '!=';
    const known = (['=', '!=', '<', '<=', '>', '>='] as const).find((operator) => operator === text);
    if (!known) throw malformed(`unexpected token: '${text}'`);
    return known;
  }

  end(): void {
    if (this.#peek().kind !== 'end') throw this.unexpected();
  }

  unexpected(): ApiError {
    return malformed(`unexpected token: '${this.#peek().text}'`);
  }

  #peek(): Token {
    return this.#tokens[Math.min(this.#at, this.#tokens.length - 1)] ?? { kind: 'end', text: '<EOF>', at: 0 };
  }
}

function malformed(message: string): ApiError {
  return new ApiError(400, 'MALFORMED_QUERY', message);
}
