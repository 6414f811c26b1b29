import type { Config } from '../config/types.ts';
import type { Clock, Log } from '../connector/contract.ts';
import type { Metrics } from '../observe/metrics.ts';
import { type AlertMessage, notify, type Target } from '../observe/notify.ts';
import { type Store, sql } from '../store/store.ts';

export type SendOptions = {
  readonly tenant: number;
  readonly config: Pick<Config, 'tenant' | 'alerts' | 'smtpUrl'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics?: Pick<Metrics, 'alertSent'>;
  /** Longest one message may take. @defaultValue 10 seconds */
  readonly timeoutMs?: number;
};

type AlertRow = { cause: string; message: string; opened: string; recovered: string | null; told: number };

/** `alert.told` has a bit per target for the opening, and from here on one per target for the recovery. */
const RECOVERY_BITS = 15;

/**
 * Sends what has not been sent, to every target. A message is marked before it is sent and unmarked when that fails, so
 * that several processes send it once and the next call tries again.
 * @returns how many messages went out
 */
export async function sendAlerts(store: Store, options: SendOptions): Promise<number> {
  const targets = options.config.alerts.slice(0, RECOVERY_BITS);
  const rows = await store.rows<AlertRow>(sql`
    select cause, message, opened_at::text as opened, recovered_at::text as recovered, told from alert
    where tenant = ${options.tenant} and (told & ${mask(targets.length, false)}) <> ${mask(targets.length, false)}
      or tenant = ${options.tenant} and recovered_at is not null and (told & ${mask(targets.length, true)}) <> ${mask(targets.length, true)}
    order by opened_at limit 100`);
  let sent = 0;
  for (const row of rows) {
    const results = await Promise.all(targets.map((target, index) => tell(store, options, row, { target, index })));
    sent += results.reduce((sum, count) => sum + count, 0);
  }
  return sent;
}

const mask = (count: number, isRecovery: boolean): number => (2 ** count - 1) * (isRecovery ? 2 ** RECOVERY_BITS : 1);

/** The opening, then the recovery; a recovery never goes out before its opening. */
async function tell(
  store: Store,
  options: SendOptions,
  row: AlertRow,
  { target, index }: { target: Target; index: number },
): Promise<number> {
  let sent = 0;
  for (const isRecovery of row.recovered === null ? [false] : [false, true]) {
    const bit = 2 ** (index + (isRecovery ? RECOVERY_BITS : 0));
    if (!(await mark(store, options.tenant, row, bit))) continue;
    if (!(await sendOne(options, target, messageOf(options, row, isRecovery)))) {
      await unmark(store, options.tenant, row, bit);
      return sent;
    }
    sent += 1;
  }
  return sent;
}

async function mark(store: Store, tenant: number, row: AlertRow, bit: number): Promise<boolean> {
  const marked = await store.rows(sql`update alert set told = told | ${bit}::integer
    where tenant = ${tenant} and cause = ${row.cause} and opened_at = ${row.opened}::timestamptz and (told & ${bit}::integer) = 0 returning 1`);
  return marked.length > 0;
}

async function unmark(store: Store, tenant: number, row: AlertRow, bit: number): Promise<void> {
  await store.rows(
    sql`update alert set told = told & ~(${bit}::integer) where tenant = ${tenant} and cause = ${row.cause} and opened_at = ${row.opened}::timestamptz`,
  );
}

function messageOf({ config }: SendOptions, row: AlertRow, isRecovery: boolean): AlertMessage {
  const subject = row.cause.slice(0, row.cause.lastIndexOf(':'));
  return {
    type: isRecovery ? 'alert.recovered' : 'alert.opened',
    tenant: config.tenant,
    cause: row.cause,
    text: isRecovery ? `${subject} is well again (${row.cause}).` : row.message,
    openedAt: new Date(row.opened).toISOString(),
    recoveredAt: isRecovery && row.recovered !== null ? new Date(row.recovered).toISOString() : null,
  };
}

async function sendOne(
  { config, clock, log, metrics, timeoutMs = 10_000 }: SendOptions,
  target: Target,
  message: AlertMessage,
): Promise<boolean> {
  try {
    await notify(target, message, { smtpUrl: config.smtpUrl, timeoutMs, clock });
    metrics?.alertSent(target.kind, 'sent');
    return true;
  } catch (thrown) {
    metrics?.alertSent(target.kind, 'failed');
    log.warn(
      { kind: target.kind, cause: message.cause, reason: thrown instanceof Error ? thrown.message : 'unknown' },
      'An alert could not be sent; it is tried again.',
    );
    return false;
  }
}
