/** Where a vendor system sends its webhooks: the program's own address for them, beside the workers as in another process. */
import type { AddressInfo } from 'node:net';
import { buildApi } from '../../src/api/app.ts';
import type { App } from '../../src/app.ts';
import { openInbound } from '../../src/inbound/receive.ts';
import {
  mendWebhooks,
  missingTopics,
  type Subscribed,
  subscribe,
  subscribed,
} from '../../src/inbound/subscriptions.ts';
import { eraseRecords } from '../../src/load/erase.ts';
import { rescueChanges } from '../../src/run/changed-ids.ts';
import { openPostgres } from '../../src/store/postgres.ts';
import { sql } from '../../src/store/store.ts';

export type Receiver = {
  /** Deliveries by what became of them. */
  readonly taken: Readonly<Record<string, number>>;
  /** Runs that wait to read what deliveries named. */
  waiting(): Promise<number[]>;
  /** Records that were named and not read again since: external ids by stream. */
  named(): Promise<ReadonlyMap<number, ReadonlySet<string>>>;
  /** As the program does it now and then: runs for what was named and is not read, its run having failed. */
  rescue(): Promise<void>;
  /** The vendor stops sending, and tells nobody. */
  dropped(): Promise<void>;
  /** As the program does it now and then: looks whether the vendor still sends, and has it send again. @returns what it no longer sent */
  mend(): Promise<readonly string[]>;
  /** What the vendor should send and does not. */
  missing(): Promise<readonly string[]>;
  close(): Promise<void>;
};

const CONNECTION = 'vendor';

export async function openReceiver(app: App, database: string): Promise<Receiver> {
  const life = new AbortController();
  // Of its own: it must not die with a worker, nor be counted among what one does.
  const store = await openPostgres(database, { connections: 2 });
  const { tenant } = app.streams;
  const open = () => app.openSource(CONNECTION, life.signal);
  const deps = { store, clock: app.clock, tenant };
  const inbound = openInbound({
    ...{ store, clock: app.clock, log: app.log, streams: app.streams, connections: app.connections, open },
    erase: (...wish) => eraseRecords({ ...app.runs.load, store }, ...wish),
    wake: () => undefined, // The soak looks for what waits.
  });
  const taken: Record<string, number> = {};
  let url = '';
  const api = await buildApi({
    ...{ store, config: app.config, tenant, clock: app.clock, log: app.log },
    inbound: {
      publicUrl: () => url,
      async receive(connection, request) {
        const answer = await inbound.receive(connection, request);
        taken[answer.outcome] = (taken[answer.outcome] ?? 0) + 1;
        return answer;
      },
    },
  });
  await api.listen({ host: '127.0.0.1', port: 0 });
  url = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
  const withSource = async <T>(work: (source: Awaited<ReturnType<typeof open>>) => Promise<T>): Promise<T> => {
    const source = await open();
    return work(source).finally(() => source.close());
  };
  const known = async (): Promise<Subscribed> => {
    const found = await subscribed(deps, CONNECTION);
    if (!found) throw new Error('nothing was subscribed');
    return found;
  };
  const webhooksOf = <T extends { webhooks?: unknown }>({ webhooks }: T): NonNullable<T['webhooks']> => {
    if (!webhooks) throw new Error('the connector has no webhooks');
    return webhooks;
  };
  await withSource((source) =>
    subscribe(deps, CONNECTION, source, { url: `${url}/webhooks/in/${CONNECTION}`, actor: 'soak' }),
  );
  await inbound.warm();
  return {
    taken,
    async waiting() {
      const rows = await store.rows<{ id: number }>(
        sql`select id from run where mode = 'ids' and state in ('queued', 'running') order by id`,
      );
      return rows.map(({ id }) => id);
    },
    async named() {
      const rows = await store.rows<{ stream: number; ids: string[] }>(
        sql`select stream_id as stream, array_agg(external_id) as ids from inbound_change group by 1`,
      );
      return new Map(rows.map(({ stream, ids }) => [stream, new Set(ids)]));
    },
    rescue: async () => void (await rescueChanges(store, tenant, app.clock.now())),
    dropped: () => withSource((source) => webhooksOf(source).unsubscribe()),
    mend: async () => mendWebhooks(deps, CONNECTION, await known(), open),
    missing: async () => {
      const topics = await known();
      return withSource((source) => missingTopics(webhooksOf(source), topics));
    },
    async close() {
      life.abort();
      await inbound.close();
      await api.close();
      await store.close();
    },
  };
}
