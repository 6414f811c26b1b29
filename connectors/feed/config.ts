/** Settings of a feed connection and of its streams. */
import { secret, z } from '../../src/connector/index.ts';
import { isTimezone } from './as-of.ts';
import { encodingOf } from './formats/encoding.ts';
import { compilePattern, isPlainName, patternProblem } from './patterns.ts';

const DELIMITERS = new Map<unknown, string>([
  ['comma', ','],
  ['semicolon', ';'],
  ['tab', '\t'],
  ['pipe', '|'],
]);

const oneByte = z.string().refine((text) => text === '\t' || (/^[ -~]$/.test(text) && !/[A-Za-z0-9]/.test(text)), {
  message: 'must be one ASCII character that is no letter, digit or line end (or one of comma, semicolon, tab, pipe)',
});

const pattern = z.string().superRefine((text, check) => {
  const problem = patternProblem(text);
  if (problem !== null) check.addIssue({ code: 'custom', message: problem });
});

const kind = z.enum(['snapshot', 'delta']);

const fileSet = z.strictObject({
  pattern: pattern.meta({ description: 'File name with *, ? and {placeholders}' }),
  kind: kind.meta({ description: 'snapshot: the file is all there is in its scope. delta: only what changed' }),
});

const footer = z.strictObject({
  rows: z.int().min(1).max(20).default(1),
  startsWith: z
    .string()
    .min(1)
    .optional()
    .meta({ description: 'First cell of the footer; when it is missing the file was cut' }),
  count: z
    .int()
    .min(1)
    .optional()
    .meta({ description: 'Column (from 1) of the first footer row that holds the number of data rows' }),
});

const columnNames = z
  .array(z.string().min(1))
  .min(1)
  .refine((names) => new Set(names).size === names.length, 'names a column twice');

const doneMarker = z.union([
  z.string().min(1),
  z.strictObject({ name: z.string().min(1), count: z.boolean().default(false) }),
]);

/** What one stream of a feed connection may say; see README.md for each. */
export const streamSettings = z
  .strictObject({
    files: z
      .union([pattern, z.array(fileSet).min(1)])
      .meta({ description: 'File name pattern, or several with a kind each' }),
    kind: kind.default('delta'),
    scope: z.string().min(1).optional(),
    format: z.enum(['csv']).default('csv'),
    delimiter: z.preprocess((value) => DELIMITERS.get(value) ?? value, oneByte).default(','),
    quote: z.union([z.literal('none'), oneByte]).default('"'),
    encoding: z
      .string()
      .refine(
        (name) => encodingOf(name) !== null,
        'is not known, or cannot be used for CSV; known are utf-8, utf-16le, utf-16be, win1252, latin1, shift_jis and others',
      )
      .default('utf-8'),
    header: z.union([z.literal(true), columnNames]).default(true),
    skipLines: z.int().min(0).max(100).default(0),
    footer: footer.optional(),
    finalNewline: z.enum(['optional', 'required']).default('optional'),
    mode: z.enum(['complete', 'patch']).default('complete'),
    order: z.enum(['name', 'modified', 'numbered']).optional(),
    asOf: z.string().min(1).optional(),
    asOfTimezone: z.string().refine(isTimezone, 'is no time zone; use a name such as Europe/Berlin').default('UTC'),
    doneMarker: doneMarker.optional(),
    ignoreSuffixes: z
      .array(z.string().min(1))
      .default(['.part', '.tmp', '.filepart', '.partial', '.crdownload', '.swp', '~']),
    settleMs: z.int().min(0).max(600_000).default(1000),
    archive: z
      .string()
      .refine(
        (path) => path !== '' && path.split('/').every((part) => isPlainName(part)),
        'is a folder below the feed folder, such as done or done/2026',
      )
      .optional(),
  })
  .superRefine((stream, check) => {
    const sets = typeof stream.files === 'string' ? [{ pattern: stream.files }] : stream.files;
    if (sets.some((set) => patternProblem(set.pattern) !== null)) return;
    const placeholders = sets.map((set) => compilePattern(set.pattern).placeholders);
    const names = new Set(placeholders.flat());
    if (sets.length > 1 && (stream.order === 'name' || stream.order === 'numbered')) {
      check.addIssue({
        code: 'custom',
        path: ['order'],
        message: 'names of different patterns have no common order; use order: modified, or {asOf} in the patterns',
      });
    }
    if (placeholders.some((some) => some.includes('asOf') !== (stream.asOf !== undefined))) {
      check.addIssue({
        code: 'custom',
        path: ['asOf'],
        message: 'needs both: {asOf} in every file pattern and asOf: with its date format, such as yyyyMMdd',
      });
    }
    // In these the second byte of a character can be the byte of a | or a ~.
    if (
      /jis|gb|big5|cp9|ms9|euc/i.test(stream.encoding) &&
      /[^\t -?]/.test(stream.delimiter + stream.quote.replace('none', ''))
    ) {
      check.addIssue({
        code: 'custom',
        path: ['delimiter'],
        message: `cannot be told from half a character in ${stream.encoding}; convert the file to utf-8`,
      });
    }
    if (stream.delimiter === stream.quote) {
      check.addIssue({ code: 'custom', path: ['quote'], message: 'must differ from the delimiter' });
    }
    for (const placeholder of (stream.scope ?? '').matchAll(/\{(\w+)\}/g)) {
      const name = placeholder[1] ?? '';
      if (!names.has(name))
        check.addIssue({ code: 'custom', path: ['scope'], message: `{${name}} is not in the file pattern` });
    }
  });

export type StreamSettings = z.infer<typeof streamSettings>;

const sftp = z
  .strictObject({
    host: z.string().min(1),
    port: z.int().min(1).max(65535).default(22),
    username: z.string().min(1),
    password: secret('Password of the SFTP account').optional(),
    privateKey: secret('Private key (PEM or OpenSSH) of the SFTP account').optional(),
    privateKeyFile: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'File with the private key, instead of privateKey' }),
    passphrase: secret('Passphrase of the private key').optional(),
    hostKey: z
      .string()
      .regex(
        /^SHA256:[A-Za-z0-9+/]{43}$/,
        'must be a fingerprint as ssh-keygen -l prints it: SHA256: and 43 characters',
      )
      .optional()
      .meta({ description: "Fingerprint of the server's host key" }),
    path: z.string().min(1).default('.').meta({ description: 'Folder on the server' }),
    timeoutMs: z.int().min(1000).max(600_000).default(20_000),
    watchMs: z
      .int()
      .min(500)
      .max(3_600_000)
      .default(15_000)
      .meta({ description: 'Milliseconds between two looks for files of streams that are read in real time' }),
  })
  .superRefine((settings, check) => {
    const given = [settings.password, settings.privateKey, settings.privateKeyFile].filter(
      (value) => value !== undefined,
    );
    if (given.length !== 1) {
      check.addIssue({ code: 'custom', message: 'needs exactly one of password, privateKey, privateKeyFile' });
    }
  });

export type SftpSettings = z.infer<typeof sftp>;

/** What a connection of connector `feed` takes. `streams` is filled by the program from the connection's streams. */
export const feedConfig = z
  .strictObject({
    path: z.string().min(1).optional().meta({ description: 'Local folder' }),
    sftp: sftp.optional(),
    streams: z.record(z.string(), streamSettings).default({}),
  })
  .superRefine((config, check) => {
    if ((config.path === undefined) === (config.sftp === undefined)) {
      check.addIssue({ code: 'custom', message: 'needs either path (a local folder) or sftp' });
    }
  });

export type FeedConfig = z.infer<typeof feedConfig>;
