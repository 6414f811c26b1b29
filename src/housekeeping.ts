/** What the running program does beside runs: alerts, reservations that end, and forgetting what is old. */
import { evaluateAlerts } from './alerts/evaluate.ts';
import { sendAlerts } from './alerts/send.ts';
import type { App } from './app.ts';
import { dueInspections, mendWebhooks } from './inbound/subscriptions.ts';
import { expireDue } from './inventory/settle.ts';
import { forget } from './load/retention.ts';
import type { Metrics } from './observe/metrics.ts';
import { rescueChanges } from './run/changed-ids.ts';
import { upkeep } from './store/upkeep.ts';

const EVERY_MS = 15_000;
const FORGET_EVERY_MS = 3_600_000;
/** As often as PostgreSQL's autovacuum looks. */
const UPKEEP_EVERY_MS = 60_000;
const INSPECT_EVERY_MS = 900_000;

/** Goes on until the signal ends it; what fails is logged and tried again at the next turn, and what takes long holds nothing else up. */
export async function keepHouse(
  app: App,
  metrics: Metrics,
  signal: AbortSignal,
  wake: (run: number) => void,
): Promise<void> {
  const { store, clock, log, config } = app;
  const tenant = app.streams.tenant;
  // Soon after the start as well: a program that is started again every hour would never forget.
  let forgotAt = Number.NEGATIVE_INFINITY;
  let keptAt = clock.now().getTime();
  const turns: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['reservations', () => expireDue(store, { now: clock.now(), tenant })],
    ['alerts', () => evaluateAlerts(store, { tenant, now: clock.now() })],
    ['alert messages', () => sendAlerts(store, { tenant, config, clock, log, metrics })],
    ['webhooks', () => inspectWebhooks(app, signal)],
    ['changes', async () => (await rescueChanges(store, tenant, clock.now())).forEach(wake)],
    [
      'retention',
      async () => {
        if (clock.now().getTime() - forgotAt < FORGET_EVERY_MS) return;
        forgotAt = clock.now().getTime();
        await forget(store, tenant, config.retention, clock.now());
      },
    ],
    [
      'upkeep',
      async () => {
        if (clock.now().getTime() - keptAt < UPKEEP_EVERY_MS) return;
        keptAt = clock.now().getTime();
        await upkeep(store);
      },
    ],
  ];
  const goOn = async (what: string, turn: () => Promise<unknown>): Promise<void> => {
    for (;;) {
      await clock.sleep(EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      await turn().catch((thrown: unknown) =>
        log.error({ err: thrown }, `housekeeping (${what}) failed; it is tried again`),
      );
    }
  };
  await Promise.all(turns.map(([what, turn]) => goOn(what, turn)));
}

/** Webhooks that a vendor switched off are subscribed again; an alert tells of those that cannot be. */
async function inspectWebhooks(app: App, signal: AbortSignal): Promise<void> {
  const deps = { store: app.store, clock: app.clock, tenant: app.streams.tenant };
  const since = new Date(app.clock.now().getTime() - INSPECT_EVERY_MS);
  for (const { name, known } of await dueInspections(deps, since)) {
    const missing = await mendWebhooks(deps, name, known, () => app.openSource(name, signal));
    if (missing.length > 0)
      app.log.warn(
        { connection: name, topics: missing },
        'The vendor had switched webhooks off; they are subscribed again.',
      );
  }
}
