/** Every metric of the program, in one place. Labels are connection, stream, entity and closed lists; never ids. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Which stream of which connection. */
export type StreamLabels = { readonly connection: string; readonly stream: string };

export type RecordOutcome = 'created' | 'updated' | 'unchanged' | 'skipped' | 'dead_lettered';
export type DeliveryOutcome = 'delivered' | 'failed' | 'gave_up';
export type WebhookOutcome = 'accepted' | 'duplicate' | 'ignored' | 'refused' | 'unready' | 'handshake';
export type RequestFacts = {
  readonly method: string;
  readonly route: string;
  readonly status: number;
  readonly seconds: number;
};

export type Metrics = {
  /** A page came from a source. */
  extracted(of: StreamLabels, records: number): void;
  /** A page was committed, with the counts of its records by outcome. */
  pageLoaded(of: StreamLabels, seconds: number, outcomes: Readonly<Partial<Record<RecordOutcome, number>>>): void;
  /** A run reached an end. */
  runEnded(of: StreamLabels, state: string, seconds: number): void;
  /** An event was sent to a subscriber, or was not. */
  delivered(outcome: DeliveryOutcome, seconds: number): void;
  /** A record was written to a vendor, or was not. */
  pushed(of: StreamLabels, outcome: 'ok' | 'rejected' | 'unknown'): void;
  /** An HTTP request was answered. `route` is the pattern, not the address. */
  requested(facts: RequestFacts): void;
  /** A vendor's webhook came in. `ignored`: it names no record of a stream that is read. */
  webhook(connection: string, outcome: WebhookOutcome): void;
  alertSent(kind: 'webhook' | 'slack' | 'email', outcome: 'sent' | 'failed'): void;
  /** What is read from elsewhere when somebody scrapes; a reader that fails leaves its last values. */
  beforeScrape(read: (gauges: Gauges) => Promise<void>): void;
  /** Prometheus' text format. */
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
};

/** Values that are read at a scrape. */
export type Gauges = {
  deadLettersOpen(of: StreamLabels, count: number): void;
  deletesHeld(of: StreamLabels, count: number): void;
  lastSuccess(of: StreamLabels, at: Date): void;
  queueWakes(counts: Readonly<Record<string, number>>): void;
  outboxOpen(count: number): void;
};

const STREAM = ['connection', 'stream'] as const;
const SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/**
 * Makes the registry.
 * @param options.withProcess memory, CPU and event loop of this process as well
 */
export function createMetrics(options: { readonly withProcess?: boolean } = {}): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (options.withProcess) collectDefaultMetrics({ register: registry });
  const counter = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <T extends string>(name: string, help: string, labelNames: readonly T[]) =>
    new Histogram({ name, help, labelNames, buckets: SECONDS, registers });

  const extracted = counter('extract_records_total', 'Records read from sources', STREAM);
  const pages = counter('extract_pages_total', 'Pages read from sources', STREAM);
  const loaded = counter('load_records_total', 'Records loaded, by outcome', [...STREAM, 'outcome']);
  const pageSeconds = histogram('load_page_duration_seconds', 'Time to commit a page', STREAM);
  const runs = counter('run_total', 'Runs that ended, by state', [...STREAM, 'state']);
  const runSeconds = new Histogram({
    name: 'run_duration_seconds',
    help: 'Time from the start of a run to its end',
    labelNames: STREAM,
    buckets: [1, 5, 15, 60, 300, 900, 3600, 14_400],
    registers,
  });
  const lastSuccess = gauge(
    'run_last_success_timestamp_seconds',
    'When a run of the stream last succeeded (Unix time)',
    STREAM,
  );
  const deadLetters = gauge('deadletters_open', 'Records that could not be loaded and wait for somebody', STREAM);
  const held = gauge('deletes_held', 'Deletes that wait for approval', STREAM);
  const deliveries = counter('publish_deliveries_total', 'Events sent to subscribers, by outcome', ['outcome']);
  const deliverySeconds = histogram('publish_delivery_duration_seconds', 'Time of one delivery attempt', []);
  const pushes = counter('publish_pushes_total', 'Records written to vendors, by outcome', [...STREAM, 'outcome']);
  const outbox = gauge('outbox_open', 'Changes not yet published', []);
  const wakes = gauge('queue_wakes', 'Queue jobs by state', ['state']);
  const requests = counter('http_requests_total', 'HTTP requests answered', ['method', 'route', 'status']);
  const requestSeconds = histogram('http_request_duration_seconds', 'Time to answer an HTTP request', [
    'method',
    'route',
  ]);
  const webhooks = counter('inbound_webhooks_total', 'Webhooks of vendors, by outcome', ['connection', 'outcome']);
  const alerts = counter('alert_messages_total', 'Alert messages, by way and outcome', ['kind', 'outcome']);

  const gauges: Gauges = {
    deadLettersOpen: (of, count) => deadLetters.set(labels(of), count),
    deletesHeld: (of, count) => held.set(labels(of), count),
    lastSuccess: (of, at) => lastSuccess.set(labels(of), at.getTime() / 1000),
    queueWakes(counts) {
      for (const [state, count] of Object.entries(counts)) wakes.set({ state }, count);
    },
    outboxOpen: (count) => outbox.set(count),
  };
  const readers: ((gauges: Gauges) => Promise<void>)[] = [];
  return {
    extracted(of, records) {
      extracted.inc(labels(of), records);
      pages.inc(labels(of));
    },
    pageLoaded(of, seconds, outcomes) {
      pageSeconds.observe(labels(of), seconds);
      for (const [outcome, count] of Object.entries(outcomes))
        if (count > 0) loaded.inc({ ...labels(of), outcome }, count);
    },
    runEnded(of, state, seconds) {
      runs.inc({ ...labels(of), state });
      runSeconds.observe(labels(of), seconds);
    },
    delivered(outcome, seconds) {
      deliveries.inc({ outcome });
      deliverySeconds.observe(seconds);
    },
    pushed: (of, outcome) => pushes.inc({ ...labels(of), outcome }),
    requested({ method, route, status, seconds }) {
      requests.inc({ method, route, status: String(status) });
      requestSeconds.observe({ method, route }, seconds);
    },
    webhook: (connection, outcome) => webhooks.inc({ connection, outcome }),
    alertSent: (kind, outcome) => alerts.inc({ kind, outcome }),
    beforeScrape: (read) => void readers.push(read),
    async scrape() {
      await Promise.allSettled(readers.map((read) => read(gauges)));
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
}

const labels = ({ connection, stream }: StreamLabels): { connection: string; stream: string } => ({
  connection,
  stream,
});
