import { stripVTControlCharacters } from 'node:util';
import pino from 'pino';
import type { Log } from '../connector/contract.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** A log that can be narrowed to one run, connection or stream. */
export type RootLog = Log & {
  child(fields: {
    readonly run?: string;
    readonly connection?: string;
    readonly stream?: string;
    readonly request?: string;
  }): RootLog;
};

export type LogOptions = {
  /** @defaultValue info */
  readonly level?: LogLevel;
  /** `json`: one object per line, for machines. `text`: for a person at a terminal. */
  readonly format: 'json' | 'text';
  /** Where lines go. */
  readonly write: (line: string) => void;
  /** Words that must never be seen (secrets of the configuration); replaced wherever they turn up. */
  readonly secrets?: () => readonly string[];
};

const HIDDEN = '[hidden]';
/** Names whose values are never written: credentials, and personal data of buyers. */
const SENSITIVE =
  /^(?:.*(?:password|passphrase|secret|token|private_?key|api_?key|authorization|cookie|signature|credential).*|e?_?mail|phone|(?:first|last|full)_?name|street|(?:shipping|billing)_?address(?:es)?|address(?:es)?)$/i;
/** Credentials inside addresses, our own keys, and bearer tokens, wherever they stand. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*:[^\s/]*@/gi, `$1${HIDDEN}@`],
  [/\b(?:pk|mk)_(?:live|test)_[0-9a-f]{8,}/gi, HIDDEN],
  [/\bBearer\s+[\w.~+/=-]{8,}/gi, `Bearer ${HIDDEN}`],
  [/[\w.+-]+@[\w-]+\.[\w.-]*[a-z]{2,}/gi, HIDDEN],
];

/** Name and password of HTTP, together in base64. */
const BASIC = /\b([Bb]asic\s+)(?=\S*[A-Z0-9])[\w+/-]{8,}=*/g;
/** What is shorter would hide words that are no secrets. */
const LEAST_SECRET = 4;

/** Text without secrets, addresses of people and control characters. */
export function redactText(text: string, secrets: readonly string[] = []): string {
  let clean = hideSecrets(text, secrets);
  for (const [pattern, by] of PATTERNS) clean = clean.replace(pattern, by);
  return clean;
}

/** Text without these secrets, in whichever form anybody can undo they stand there. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  let clean = text.replace(BASIC, `$1${HIDDEN}`);
  for (const secret of secrets)
    if (secret.length >= LEAST_SECRET) for (const form of formsOf(secret)) clean = clean.replaceAll(form, HIDDEN);
  return clean;
}

/** A secret as it is and as it travels, the longest first. */
function formsOf(secret: string): readonly string[] {
  const inJson = JSON.stringify(secret).slice(1, -1);
  const bytes = Buffer.from(secret);
  return [
    ...[JSON.stringify(inJson).slice(1, -1), inJson, secret],
    ...[encodeURIComponent(secret), encodeURI(secret), new URLSearchParams({ '': secret }).toString().slice(1)],
    ...[bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), bytes.toString('hex')],
  ].sort((one, other) => other.length - one.length);
}

/** The same fields with nothing in them that must not be seen. */
export function redact(value: unknown, secrets: readonly string[] = [], depth = 0): unknown {
  if (typeof value === 'string') return redactText(value, secrets);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > 6) return '…';
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) return `${value.byteLength} bytes`;
  if (value instanceof Error) return redactError(value, secrets, depth);
  if (Array.isArray(value)) return value.slice(0, 100).map((entry) => redact(entry, secrets, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [
      name,
      SENSITIVE.test(name) ? HIDDEN : redact(entry, secrets, depth + 1),
    ]),
  );
}

function redactError(error: Error, secrets: readonly string[], depth: number): unknown {
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {};
  const cause = error.cause === undefined || depth > 3 ? {} : { cause: redact(error.cause, secrets, depth + 1) };
  return {
    name: error.name,
    ...code,
    message: redactText(error.message, secrets),
    stack: redactText(error.stack ?? '', secrets),
    ...cause,
  };
}

/** The program's log. Nothing secret or personal passes it. */
export function createLog({ level = 'info', format, write, secrets = () => [] }: LogOptions): RootLog {
  const destination = { write: format === 'json' ? write : (line: string) => write(forPeople(line)) };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  return wrap(logger, secrets);
}

function wrap(logger: pino.Logger, secrets: () => readonly string[]): RootLog {
  const at = (level: 'debug' | 'info' | 'warn' | 'error') => (fields: Record<string, unknown>, message: string) => {
    if (!logger.isLevelEnabled(level)) return;
    const words = secrets();
    const clean = redact(fields, words);
    logger[level](typeof clean === 'object' && clean !== null ? clean : {}, redactText(message, words));
  };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(logger.child(fields), secrets),
  };
}

/** `12:03:09 WARN  feeds/inventory The file is empty. file=a.csv` */
function forPeople(line: string): string {
  const { level, time, msg, connection, stream, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const subject = [connection, stream].filter((part) => part !== undefined).join('/');
  const fields = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : String(value)}`,
  );
  const words = [
    String(time).slice(11, 19),
    String(level).toUpperCase().padEnd(5),
    subject,
    String(msg),
    ...fields,
  ].filter((part) => part !== '');
  return `${stripVTControlCharacters(words.join(' ')).replace(/[\r\n]+/g, ' ')}\n`;
}

/** A log for tests and for commands that speak otherwise: says nothing. */
export const silentLog: RootLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
