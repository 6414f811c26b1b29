/** Sends one alert one way. No error ever holds the address it went to: a Slack webhook's address is its password. */
import type { Config } from '../config/types.ts';
import type { Clock } from '../connector/contract.ts';
import { redactText } from './log.ts';

export type Target = Config['alerts'][number];

export type AlertMessage = {
  readonly type: 'alert.opened' | 'alert.recovered';
  readonly tenant: string;
  /** `<connection>/<stream>:<what>` */
  readonly cause: string;
  readonly text: string;
  readonly openedAt: string;
  readonly recoveredAt: string | null;
};

export type NotifyOptions = { readonly smtpUrl: string | null; readonly timeoutMs: number; readonly clock: Clock };

/**
 * Sends a message and waits until the other side has taken it.
 * @throws Error with a reason that holds no address and no secret
 */
export function notify(target: Target, message: AlertMessage, options: NotifyOptions): Promise<void> {
  const text = redactText(message.text);
  if (target.kind === 'email') return mail(target.to, { ...message, text }, options);
  const body = target.kind === 'slack' ? { text: slackText(message, text) } : webhookBody({ ...message, text });
  return post(target.to, body, options.timeoutMs);
}

const slackText = ({ type }: AlertMessage, text: string): string =>
  `${type === 'alert.opened' ? ':rotating_light:' : ':white_check_mark:'} ${text.replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? sign)}`;

const webhookBody = ({ type, tenant, cause, text, openedAt, recoveredAt }: AlertMessage) => ({
  type,
  tenant,
  cause,
  message: text,
  opened_at: openedAt,
  recovered_at: recoveredAt,
});

async function post(url: string, body: unknown, timeoutMs: number): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'tributary' },
    body: JSON.stringify(body),
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((thrown: unknown) => {
    throw new Error(reasonOf(thrown));
  });
  await answer.body?.cancel();
  if (!answer.ok) throw new Error(`the other side answered ${answer.status}`);
}

async function mail(
  to: string,
  { type, text, cause, tenant }: AlertMessage,
  { smtpUrl, timeoutMs, clock }: NotifyOptions,
): Promise<void> {
  if (smtpUrl === null) throw new Error('smtp_url is not set');
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    url: smtpUrl,
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
  });
  const over = new AbortController();
  try {
    const late = clock.sleep(timeoutMs, over.signal).then(
      () => Promise.reject(new Error('timeout')),
      () => undefined,
    );
    const sent = transport.sendMail({
      from: senderOf(smtpUrl),
      to,
      subject: `[tributary ${tenant}] ${type === 'alert.opened' ? 'Alert' : 'Recovered'}: ${cause}`,
      text,
    });
    await Promise.race([sent, late.then(() => sent)]);
  } catch (thrown) {
    throw new Error(reasonOf(thrown));
  } finally {
    over.abort();
    transport.close();
  }
}

/** The account that sends, where it is an address. */
function senderOf(smtpUrl: string): string {
  const { username, hostname } = new URL(smtpUrl);
  const account = decodeURIComponent(username);
  return account.includes('@') ? account : `tributary@${hostname}`;
}

/** Codes only: messages of libraries may quote addresses and what was sent. */
function reasonOf(thrown: unknown): string {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') return error.code;
    if (error.name === 'TimeoutError' || error.message === 'timeout') return 'no answer in time';
  }
  return 'it could not be sent';
}
