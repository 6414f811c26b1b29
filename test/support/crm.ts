/** A CRM in memory that is read and written through the contract: it keeps values in a form of its own, and fails as told. */
import { z } from 'zod';
import type {
  Connector,
  JsonObject,
  Page,
  ReadRequest,
  StreamDeclaration,
  WriteIntent,
  WriteOutcome,
} from '../../src/connector/contract.ts';
import { declared } from './scripted.ts';

export type CrmRecord = { id: string; fields: JsonObject; version: number; key: string | null; deleted: boolean };

/** What goes wrong with the next write. `lost`: it is carried out and the answer lost; `late`: it
 * is carried out with `comesThrough`; `dropped`: neither; `otherwise`: it is, with something else than was told. */
export type CrmFault = 'lost' | 'late' | 'otherwise' | 'dropped' | 'busy' | 'refused' | 'batch-refused' | 'throws';

export type Crm = {
  readonly records: Map<string, CrmRecord>;
  readonly faults: CrmFault[];
  /** Every intent that was carried out, in order. */
  readonly carriedOut: WriteIntent[];
  /** Somebody at the vendor changes a record, or makes one. */
  edit(id: string | null, fields: JsonObject): string;
  remove(id: string): void;
  /** Carries out what was late. */
  comesThrough: () => void;
  madeWithinMs: number;
  /** Does not tell what became of a write. */
  isSilent: boolean;
  /** Whether records come with the time of their last change. */
  isVersioned: boolean;
  /** Told when a write was carried out, before it is answered. */
  onWritten: () => void | Promise<void>;
};

/** Names are kept without space around them, and at most twelve characters long. */
export const CRM_LENGTH = 12;
const kept = (fields: JsonObject): JsonObject =>
  Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' && name !== 'Email' ? value.trim().slice(0, CRM_LENGTH) : value,
    ]),
  );

export function makeCrm(now: () => number): Crm {
  const crm: Crm = {
    records: new Map(),
    faults: [],
    carriedOut: [],
    ...{ comesThrough: () => undefined, madeWithinMs: 0, isSilent: false },
    isVersioned: true,
    onWritten: () => undefined,
    edit(id, fields) {
      const known = id === null ? undefined : crm.records.get(id);
      const made = known ?? { id: `L${crm.records.size + 1}`, fields: {}, version: 0, key: null, deleted: false };
      crm.records.set(made.id, {
        ...made,
        fields: { ...made.fields, ...kept(fields) },
        version: Math.max(made.version + 1, now()),
      });
      return made.id;
    },
    remove(id) {
      const known = crm.records.get(id);
      if (known) crm.records.set(id, { ...known, deleted: true, version: Math.max(known.version + 1, now()) });
    },
  };
  return crm;
}

const NAMES = ['Email', 'LastName', 'Company', 'Notes', 'Industry'];

export const CRM_LEADS: StreamDeclaration = declared('leads', {
  writes: {
    actions: ['create', 'update', 'delete'],
    fields: NAMES.map((path) => ({ path, type: 'text', nullable: path !== 'LastName' })),
    requiredOnCreate: ['LastName'],
    matchBy: ['Email'],
    batch: 10,
    id: 'record',
  },
});

/** @param crms by connection name */
export function crmConnector(crms: Readonly<Record<string, Crm>>, now: () => number): Connector {
  return {
    name: 'scripted',
    title: 'CRM',
    docs: 'https://example.com/',
    directions: ['in', 'out'],
    config: z.unknown(),
    streams: [CRM_LEADS],
    writable: (_stream, record) => {
      const { id, key, ...fields } = record as JsonObject;
      const values = Object.fromEntries(NAMES.map((name) => [name, fields[name] ?? null]));
      return [{ id: String(id), values, madeBy: typeof key === 'string' ? key : undefined }];
    },
    async open(_config, { connection }) {
      const crm = crms[connection];
      if (!crm) throw new Error(`no CRM ${connection}`);
      const page = (records: readonly CrmRecord[], next: number | null): Page => ({
        records: records
          .filter((one) => !one.deleted)
          .map(({ id, fields, version, key }, at) => ({
            ...{ id, version: crm.isVersioned ? version : null, position: at + 1 },
            raw: Buffer.from(JSON.stringify({ id, key, ...fields })),
          })),
        tombstones: records.filter((one) => one.deleted).map(({ id, version }) => ({ id, version })),
        problems: [],
        next: next === null ? null : { version: next },
        window: { id: `delta ${next}`, kind: 'delta', scope: 'all' },
        complete: false,
        observedAt: new Date(now()),
        expected: null,
        notBefore: null,
        context: {},
      });
      return {
        streams: () => [
          CRM_LEADS.writes
            ? { ...CRM_LEADS, writes: { ...CRM_LEADS.writes, madeWithinMs: crm.madeWithinMs } }
            : CRM_LEADS,
        ],
        check: async () => [],
        async *read({ cursor }: ReadRequest) {
          const after = Number(cursor?.['version'] ?? 0);
          const news = [...crm.records.values()]
            .filter((one) => one.version > after)
            .sort((a, b) => a.version - b.version);
          yield page(news, Math.max(after, ...news.map((one) => one.version)));
        },
        readIds: async (_stream, ids) =>
          page(
            ids.map((id) => crm.records.get(id) ?? { id, fields: {}, version: now(), key: null, deleted: true }),
            null,
          ),
        externalId: (_stream, raw) => String(raw),
        write: (intents) => write(crm, intents),
        async find(intent) {
          if (crm.isSilent) return { state: 'unknown', message: 'not now' };
          const [found] = [...crm.records.values()].filter((one) =>
            intent.id === null
              ? one.key === intent.idempotencyKey
              : one.key === intent.idempotencyKey && one.id === intent.id,
          );
          return found ? { state: 'ok', id: found.id, version: found.version, stored: found.fields } : null;
        },
        close: async () => undefined,
      };
    },
  };
}

function carryOut(crm: Crm, intent: WriteIntent): CrmRecord {
  crm.carriedOut.push(intent);
  const id = crm.edit(intent.id, intent.values);
  const record = crm.records.get(id);
  if (!record) throw new Error('lost');
  crm.records.set(id, { ...record, key: intent.idempotencyKey });
  if (intent.action === 'delete') crm.remove(id);
  return record;
}

async function write(crm: Crm, intents: readonly WriteIntent[]): Promise<WriteOutcome[]> {
  const fault = crm.faults.shift();
  if (fault === 'throws') throw new Error('the vendor answered 500');
  const refusal = {
    state: 'rejected',
    code: 'REFUSED',
    message: 'the vendor does not want it',
    fields: ['Notes'],
  } as const;
  if (fault === 'batch-refused' && intents.length > 1) throw Object.assign(new Error('one of them is bad'), {});
  const outcomes = intents.map((intent, at): WriteOutcome => {
    if (fault === 'dropped') return { state: 'unknown', message: 'no answer' };
    if (fault === 'late') {
      crm.comesThrough = () => carryOut(crm, intent);
      return { state: 'unknown', message: 'no answer' };
    }
    if (fault === 'busy') return { ...refusal, code: 'BUSY', retry: 'transient' };
    if (fault === 'refused' && at === 0) return { ...refusal, retry: 'terminal' };
    const record = carryOut(crm, intent);
    const { id } = record;
    if (fault === 'otherwise') return { ...refusal, code: 'DIFFERS', retry: 'terminal', madeId: id };
    if (fault === 'lost') return { state: 'unknown', message: 'no answer' };
    return { state: 'ok', id, version: record.version, stored: record.fields };
  });
  await crm.onWritten();
  return outcomes;
}
