/** What vendors were told to send, and whether they still do: vendors switch webhooks off that were not answered for a while. */
import type { CheckFinding, Clock, Source, WebhookSubscription, Webhooks } from '../connector/contract.ts';
import { asTributaryError, TributaryError } from '../errors.ts';
import { auditing } from '../store/audit.ts';
import { type Store, sql, texts } from '../store/store.ts';

export type SubscriptionDeps = { readonly store: Store; readonly clock: Clock; readonly tenant: number };
export type Subscribed = { readonly url: string; readonly topics: readonly string[]; readonly problem: string | null };

/** The address a vendor is given for a connection. @param publicUrl without a slash at its end */
export const webhookUrl = (publicUrl: string, connection: string): string =>
  `${publicUrl}/webhooks/in/${encodeURIComponent(connection)}`;

/**
 * Has the vendor send webhooks.
 * @throws ERR_CONNECTOR_UNSUPPORTED where it has none, or they are set up in another place; what the connector throws
 */
export async function subscribe(
  deps: SubscriptionDeps,
  connection: string,
  source: Source,
  { url, actor }: { readonly url: string; readonly actor: string },
): Promise<readonly WebhookSubscription[]> {
  const made = await webhooksOf(source, connection).subscribe(url);
  await note(deps, connection, { url, topics: made.map((one) => one.topic) }, { actor, action: 'webhooks.subscribe' });
  return made;
}

/** Has the vendor send no more. */
export async function unsubscribe(
  deps: SubscriptionDeps,
  connection: string,
  source: Source,
  actor: string,
): Promise<void> {
  await webhooksOf(source, connection).unsubscribe();
  await note(deps, connection, null, { actor, action: 'webhooks.unsubscribe' });
}

/** What was subscribed for a connection; `null`: nothing. */
export async function subscribed(
  { store, tenant }: Pick<SubscriptionDeps, 'store' | 'tenant'>,
  connection: string,
): Promise<Subscribed | null> {
  const [row] = await store.rows<{ url: string | null; topics: string[]; problem: string | null }>(sql`
    select webhook_url as url, webhook_topics as topics, webhooks_problem as problem from connection where tenant = ${tenant} and name = ${connection}`);
  return row?.url ? { url: row.url, topics: row.topics, problem: row.problem } : null;
}

/** What is wrong with the webhooks by what the vendor has on record; empty: nothing. */
export async function missingTopics(webhooks: Webhooks, { url, topics }: Subscribed): Promise<readonly string[]> {
  const there = await webhooks.inspect();
  const active = new Set(there.filter((one) => one.state === 'active' && one.url === url).map((one) => one.topic));
  return topics.filter((topic) => !active.has(topic));
}

/** The finding for `connections check`. */
export async function checkWebhooks(source: Source, known: Subscribed, connection: string): Promise<CheckFinding> {
  const subject = 'webhooks';
  const remedy = `Subscribe again: tributary connections subscribe ${connection}`;
  try {
    const missing = await missingTopics(webhooksOf(source, connection), known);
    if (missing.length === 0) return { subject, ok: true, message: `${known.topics.length} webhooks are active.` };
    return { subject, ok: false, message: `The vendor no longer sends ${missing.join(', ')}.`, remedy };
  } catch (thrown) {
    const { code, message, remedy: its } = asTributaryError(thrown);
    if (code === 'ERR_CONNECTOR_UNSUPPORTED')
      return { subject, ok: true, message: 'The vendor tells nothing of its webhooks.' };
    return { subject, ok: false, message, remedy: its };
  }
}

/**
 * Subscribes again to what the vendor switched off, and notes what cannot be mended.
 * @returns the topics that had been switched off
 */
export async function mendWebhooks(
  deps: SubscriptionDeps,
  connection: string,
  known: Subscribed,
  open: () => Promise<Source>,
): Promise<readonly string[]> {
  let source: Source | null = null;
  let missing: readonly string[] = [];
  let problem: string | null = null;
  try {
    source = await open();
    const webhooks = webhooksOf(source, connection);
    missing = await missingTopics(webhooks, known);
    if (missing.length > 0) {
      await webhooks.subscribe(known.url);
      const still = await missingTopics(webhooks, known);
      if (still.length > 0) problem = `The vendor does not send ${still.join(', ')} any more.`;
    }
  } catch (thrown) {
    const { code, message } = asTributaryError(thrown);
    // A vendor that tells nothing of its webhooks is taken at its word; the polls find what is missed.
    if (code !== 'ERR_CONNECTOR_UNSUPPORTED') problem = message;
  } finally {
    await source?.close();
  }
  const at = deps.clock.now().toISOString();
  await deps.store.rows(sql`
    update connection set webhooks_inspected_at = ${at}::timestamptz, webhooks_problem = ${problem} where tenant = ${deps.tenant} and name = ${connection}`);
  return missing;
}

/** Connections whose webhooks were not looked at since. */
export async function dueInspections(
  { store, tenant }: SubscriptionDeps,
  since: Date,
): Promise<readonly { readonly name: string; readonly known: Subscribed }[]> {
  const rows = await store.rows<{ name: string; url: string; topics: string[]; problem: string | null }>(sql`
    select name, webhook_url as url, webhook_topics as topics, webhooks_problem as problem from connection
    where tenant = ${tenant} and removed_at is null and paused_at is null and webhook_url is not null
      and (webhooks_inspected_at is null or webhooks_inspected_at < ${since.toISOString()}::timestamptz) order by name`);
  return rows.map(({ name, ...known }) => ({ name, known }));
}

function webhooksOf(source: Source, connection: string): Webhooks {
  if (source.webhooks) return source.webhooks;
  throw new TributaryError('ERR_CONNECTOR_UNSUPPORTED', `The connector of ${connection} has no webhooks.`, {
    remedy: 'Its streams are polled; set `every` as short as you need.',
  });
}

async function note(
  { store, clock, tenant }: SubscriptionDeps,
  connection: string,
  made: { readonly url: string; readonly topics: readonly string[] } | null,
  deed: { readonly actor: string; readonly action: string },
): Promise<void> {
  const audit = await auditing(store);
  const at = clock.now();
  await store.transaction(async (tx) => {
    await tx.rows(sql`
      update connection set webhook_url = ${made?.url ?? null}, webhook_topics = ${texts(made?.topics ?? [])}, webhooks_problem = null,
        webhooks_inspected_at = ${at.toISOString()}::timestamptz where tenant = ${tenant} and name = ${connection}`);
    await audit(tx, { tenant, at, ...deed, subject: connection, details: { topics: made?.topics ?? [] } });
  });
}
