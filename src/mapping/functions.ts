/** Every function of the language, by name. A test proves that no file of functions/ is missing here. */
import { add } from './functions/add.ts';
import { after } from './functions/after.ts';
import { before } from './functions/before.ts';
import { toBoolean } from './functions/boolean.ts';
import { compact } from './functions/compact.ts';
import { contains } from './functions/contains.ts';
import { count } from './functions/count.ts';
import { currency } from './functions/currency.ts';
import { date } from './functions/date.ts';
import { day } from './functions/day.ts';
import { decimal } from './functions/decimal.ts';
import { defaultTo } from './functions/default.ts';
import type { MappingFunction } from './functions/define.ts';
import { email } from './functions/email.ts';
import { endsWith } from './functions/ends-with.ts';
import { epoch } from './functions/epoch.ts';
import { firstElement } from './functions/first.ts';
import { fromMinor } from './functions/from-minor.ts';
import { get } from './functions/get.ts';
import { grams } from './functions/grams.ts';
import { gtin } from './functions/gtin.ts';
import { integer } from './functions/integer.ts';
import { join } from './functions/join.ts';
import { lastElement } from './functions/last.ts';
import { link } from './functions/link.ts';
import { lookup } from './functions/lookup.ts';
import { lower } from './functions/lower.ts';
import { matchPattern } from './functions/match.ts';
import { matches } from './functions/matches.ts';
import { money } from './functions/money.ts';
import { multiply } from './functions/multiply.ts';
import { negate } from './functions/not.ts';
import { nullIf } from './functions/null-if.ts';
import { padStart } from './functions/pad-start.ts';
import { readJson } from './functions/parse-json.ts';
import { replace } from './functions/replace.ts';
import { replacePattern } from './functions/replace-pattern.ts';
import { required } from './functions/required.ts';
import { round } from './functions/round.ts';
import { split } from './functions/split.ts';
import { splitPaths } from './functions/split-paths.ts';
import { squish } from './functions/squish.ts';
import { startsWith } from './functions/starts-with.ts';
import { stripHtml } from './functions/strip-html.ts';
import { sum } from './functions/sum.ts';
import { toText } from './functions/text.ts';
import { timestamp } from './functions/timestamp.ts';
import { trim } from './functions/trim.ts';
import { truncate } from './functions/truncate.ts';
import { unique } from './functions/unique.ts';
import { upper } from './functions/upper.ts';
import { url } from './functions/url.ts';

const DECLARED: readonly MappingFunction[] = [
  add,
  after,
  before,
  toBoolean,
  compact,
  contains,
  count,
  currency,
  date,
  day,
  decimal,
  defaultTo,
  email,
  endsWith,
  epoch,
  firstElement,
  fromMinor,
  get,
  grams,
  gtin,
  integer,
  join,
  lastElement,
  link,
  lookup,
  lower,
  matchPattern,
  matches,
  money,
  multiply,
  negate,
  nullIf,
  padStart,
  readJson,
  replace,
  replacePattern,
  required,
  round,
  split,
  splitPaths,
  squish,
  startsWith,
  stripHtml,
  sum,
  toText,
  timestamp,
  trim,
  truncate,
  unique,
  upper,
  url,
];

export const FUNCTIONS: ReadonlyMap<string, MappingFunction> = new Map(
  DECLARED.map((declared) => [declared.name, declared]),
);
