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

type AlertRow = { cause: string; message: string; opened: string; recovered: string | null };

/** `alert.told` has a bit per target for the opening, and from here on one per target for the recovery. */
const RECOVERY_BITS = 15;

/** What was over for so long is news to nobody: a target that is new, or was away, would be told of all there ever was. */
const STALE_MS = 86_400_000;
/** A target that fails so often in one call is away; the next call tries again. */
const MOST_FAILURES = 3;

/**
 * Sends what has not been sent, to every target. A message is marked before it is sent and unmarked when that fails, so
 * that several processes send it once and the next call tries again.
 * @returns how many messages went out
 */
export async function sendAlerts(store: Store, options: SendOptions): Promise<number> {
  const targets = options.config.alerts.slice(0, RECOVERY_BITS);
  const sent = await Promise.all(targets.map((target, index) => tellAll(store, options, { target, index })));
  return sent.reduce((sum, count) => sum + count, 0);
}

type Way = { readonly target: Target; readonly index: number };

/** Tells one target, whatever becomes of the others. */
async function tellAll(store: Store, options: SendOptions, way: Way): Promise<number> {
  const [opening, recovery] = [2 ** way.index, 2 ** (way.index + RECOVERY_BITS)];
  const since = new Date(options.clock.now().getTime() - STALE_MS).toISOString();
  const rows = await store.rows<AlertRow>(sql`
    select cause, message, opened_at::text as opened, recovered_at::text as recovered from alert
    where tenant = ${options.tenant} and (recovered_at is null and (told & ${opening}::integer) = 0
      or recovered_at > ${since}::timestamptz and (told & ${opening + recovery}::integer) <> ${opening + recovery}::integer)
    order by opened_at limit 100`);
  let sent = 0;
  let failures = 0;
  for (const row of rows) {
    if (failures === MOST_FAILURES) break;
    const told = await tell(store, options, row, way);
    sent += told.sent;
    if (told.hasFailed) failures += 1;
  }
  return sent;
}

/** The opening, then the recovery; a recovery never goes out before its opening. */
async function tell(
  store: Store,
  options: SendOptions,
  row: AlertRow,
  { target, index }: Way,
): Promise<{ readonly sent: number; readonly hasFailed: boolean }> {
  let sent = 0;
  for (const isRecovery of row.recovered === null ? [false] : [false, true]) {
    const bit = 2 ** (index + (isRecovery ? RECOVERY_BITS : 0));
    if (!(await mark(store, options.tenant, row, bit))) continue;
    if (!(await sendOne(options, target, messageOf(options, row, isRecovery)))) {
      await unmark(store, options.tenant, row, bit);
      return { sent, hasFailed: true };
    }
    sent += 1;
  }
  return { sent, hasFailed: false };
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
