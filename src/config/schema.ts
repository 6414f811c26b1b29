/** What tributary.yaml may say. Settings of connectors pass through; the connector's own schema checks them. */
import { z } from 'zod';
import { isSchedule, isTimezone, parseDuration } from './durations.ts';

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
const name = z.string().regex(NAME, 'must be letters, digits, `_`, `-` or `.`, at most 63');
const record = <T extends z.ZodType>(of: T) => z.record(name, of);

const duration = (about: string) =>
  z
    .string()
    .refine((text) => parseDuration(text) !== null, 'must be a duration such as 500ms, 30s, 15m, 2h or 1d')
    .transform((text) => parseDuration(text) ?? 0)
    .describe(about);

const address = (about: string, schemes: readonly string[]) =>
  z
    .string()
    .refine(
      (text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)) && URL.canParse(text),
      `must be an address that starts with ${schemes.map((s) => `${s}://`).join(' or ')}`,
    )
    .describe(about);

const schedule = (about: string) =>
  z
    .string()
    .refine(isSchedule, 'must be real_time, 30s, 15m, 30m, hourly, daily, manual, or a cron expression in quotes')
    .describe(about);

const stream = z.looseObject({
  mapping: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(name).min(1))
    .optional()
    .describe('name of a file in mappings/, or a list of them'),
  every: schedule('how often the stream is read').default('15m'),
  reconcile: schedule('how often everything is read again, which finds deletes and what was missed').optional(),
  sweep: schedule(
    'how often a part of the records is read again for fields whose change the source does not show',
  ).optional(),
  timezone: z
    .string()
    .refine(isTimezone, 'must be an IANA time zone such as Europe/Berlin')
    .default('UTC')
    .describe('zone that daily and cron expressions are read in'),
});

const CONFLICTS = ['last_write_wins', 'source_wins', 'platform_wins'] as const;

const writes = z.strictObject({
  mapping: name.describe('name of an outgoing file in mappings/'),
  every: z
    .string()
    .refine(isSchedule, 'must be real_time, 15m, 30m, hourly, daily, manual, or a cron expression in quotes')
    .default('real_time')
    .describe('how often changes are written'),
  timezone: z
    .string()
    .refine(isTimezone, 'must be an IANA time zone such as Europe/Berlin')
    .default('UTC')
    .describe('zone that daily and cron expressions are read in'),
  conflict: z
    .enum(CONFLICTS)
    .optional()
    .describe('who wins when both sides changed a field; conflict_resolution if left out'),
});

/** The built-in connection of run/streams.ts. */
const RESERVED = 'platform';

/** Names that a connection has whatever its connector is. */
const connection = z.looseObject({
  connector: z.string().min(1).describe('name of a folder in connectors/'),
  direction: z.enum(['in', 'out', 'both']).default('in').describe('in: read from the vendor; out: write to it'),
  conflict_resolution: z
    .enum(CONFLICTS)
    .default('last_write_wins')
    .describe('who wins when two sources say different things'),
  stock_authority: z.boolean().optional().describe('true: this connection speaks for stock quantities'),
  clock_skew: duration('how far the clock of the source may be off, such as 2s').default(0),
  streams: z
    .preprocess(asTable, record(z.preprocess((value) => value ?? {}, stream)))
    .default({})
    .describe('kinds of records to read, each with its settings'),
  writes: record(writes).default({}).describe('kinds of records to write, with direction out or both'),
});

/** `streams: [products, orders]` is short for a table of empty settings. */
function asTable(value: unknown): unknown {
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) return value;
  return Object.fromEntries(value.map((entry) => [entry, {}]));
}

const alert = z
  .strictObject({
    webhook: address('address that gets a POST', ['https', 'http']).optional(),
    slack: address('incoming webhook of a Slack channel', ['https', 'http']).optional(),
    email: z
      .string()
      .regex(/^[^\s@<>]+@[^\s@<>]+$/, 'must be an e-mail address')
      .optional(),
  })
  .refine(
    (way) => Object.values(way).filter((to) => to !== undefined).length === 1,
    'must have exactly one of webhook, slack, email',
  );

/** `alert.told` has a bit for each; one more would be told of nothing. */
const MOST_ALERTS = 15;

export const fileSchema = z.strictObject({
  tenant: name.default('default').describe('name of the vendor account that everything belongs to'),
  connections: z
    .record(
      name.refine((one) => one !== RESERVED, 'is the name of what comes through our own API; choose another'),
      connection,
    )
    .default({}),
  database_url: address('PostgreSQL address; without one an embedded database is used', [
    'postgres',
    'postgresql',
  ]).optional(),
  redis_url: address('Redis address; without one the queue lives in the database', ['redis', 'rediss']).optional(),
  host: z.string().min(1).default('127.0.0.1').describe('address to listen on'),
  port: z.int().min(0).max(65535).default(8080).describe('port to listen on'),
  public_url: address('address under which vendors reach this program', ['http', 'https']).optional(),
  currency: z
    .string()
    .regex(/^[A-Z]{3}$/, 'must be an ISO 4217 code such as EUR')
    .default('EUR')
    .describe('currency of prices that name none'),
  mappings: z.string().min(1).default('mappings').describe('folder of the mapping files'),
  page_size: z.int().min(1).max(50_000).default(5000).describe('records per page at most'),
  slice: duration('how long a worker stays with one run, such as 30s').default(30_000),
  lease: duration('how long a worker may be silent before another takes its run over').default(60_000),
  delete_brake: z
    .strictObject({
      share: z.number().min(0).max(1).default(0.3).describe('share of a stream'),
      count: z.int().min(0).default(50).describe('number of records'),
    })
    .prefault({})
    .describe('a run that would delete more than this share and this count waits for approval'),
  retention: z
    .strictObject({
      raw_days: z.int().min(1).default(90).describe('days to keep replaced raw records'),
      outbox_days: z.int().min(1).default(7).describe('days to keep published events'),
      run_days: z.int().min(1).default(90).describe('days to keep finished runs'),
    })
    .prefault({}),
  stock: z
    .strictObject({
      low: z.int().min(0).default(10).describe('at most this many available units are low stock'),
      reservation: duration('how long a reservation holds stock, such as 15m').default(900_000),
    })
    .prefault({}),
  api: z
    .strictObject({ requests_per_minute: z.int().min(1).default(2000).describe('requests of one key to one route') })
    .prefault({}),
  alerts: z.array(alert).max(MOST_ALERTS).default([]).describe('who is told when a run fails'),
  smtp_url: address('mail server for e-mail alerts', ['smtp', 'smtps']).optional(),
  allowed_roots: z.array(z.string().min(1)).default([]).describe('more folders that connections may read'),
});

export type FileSettings = z.output<typeof fileSchema>;
export type ConnectionSettings = FileSettings['connections'][string];

export const CONNECTION_KEYS: readonly string[] = Object.keys(connection.shape);
export const STREAM_KEYS: readonly string[] = Object.keys(stream.shape);
