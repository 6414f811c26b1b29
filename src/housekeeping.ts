/** What the running program does beside runs: alerts, reservations that end, and forgetting what is old. */
import { evaluateAlerts } from './alerts/evaluate.ts';
import { sendAlerts } from './alerts/send.ts';
import type { App } from './app.ts';
import { expireDue } from './inventory/settle.ts';
import { forget } from './load/retention.ts';
import type { Metrics } from './observe/metrics.ts';

const EVERY_MS = 15_000;
const FORGET_EVERY_MS = 3_600_000;

/** Goes on until the signal ends it; what fails is logged and tried again at the next turn. */
export async function keepHouse(app: App, metrics: Metrics, signal: AbortSignal): Promise<void> {
  const { store, clock, log, config } = app;
  const tenant = app.streams.tenant;
  let forgotAt = clock.now().getTime();
  const turns: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['reservations', () => expireDue(store, { now: clock.now(), tenant })],
    ['alerts', () => evaluateAlerts(store, { tenant, now: clock.now() })],
    ['alert messages', () => sendAlerts(store, { tenant, config, clock, log, metrics })],
    [
      'retention',
      async () => {
        if (clock.now().getTime() - forgotAt < FORGET_EVERY_MS) return;
        forgotAt = clock.now().getTime();
        await forget(store, tenant, config.retention, clock.now());
      },
    ],
  ];
  while (!signal.aborted) {
    await clock.sleep(EVERY_MS, signal).catch(() => undefined);
    for (const [what, turn] of turns) {
      if (signal.aborted) return;
      await turn().catch((thrown: unknown) =>
        log.error({ err: thrown }, `housekeeping (${what}) failed; it is tried again`),
      );
    }
  }
}
