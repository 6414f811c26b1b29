/** Dead letters as they are shown, and closing those that a person accepts. */
import { parseId, publicId } from '../canonical/ids.ts';
import type { Clock, Json, JsonObject } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import type { RecordProblem } from '../mapping/types.ts';
import { auditing } from '../store/audit.ts';
import { numbers, type Store, sql, type Tx, texts } from '../store/store.ts';
import type { Decode } from './mapping-sets.ts';
import { unpack } from './payload.ts';
import { type RawText, rawText } from './show-record.ts';

export const LETTER_STATES = ['open', 'replayed', 'accepted'] as const;
export type LetterState = (typeof LETTER_STATES)[number];

export type DeadLetter = {
  /** `dl_…` */
  readonly id: string;
  readonly connection: string;
  readonly stream: string;
  /** `null` when the record does not say. */
  readonly externalId: string | null;
  /** Line of the file, or place in the answer. */
  readonly position: number | null;
  readonly code: string;
  readonly problems: readonly RecordProblem[];
  readonly state: LetterState;
  /** How often it failed. */
  readonly times: number;
  readonly run: string;
  readonly firstAt: string;
  readonly lastAt: string;
  /** It can be tried again from its bytes; what could not even be framed cannot. */
  readonly canReplay: boolean;
};

export type LetterFilter = {
  readonly ids?: readonly number[];
  readonly connection?: string | undefined;
  readonly stream?: string | undefined;
  readonly code?: string | undefined;
  readonly states?: readonly string[];
  readonly limit: number;
  readonly page: number;
};

type Row = Omit<DeadLetter, 'id' | 'run' | 'firstAt' | 'lastAt'> & {
  id: number;
  stream_id: number;
  run: number;
  first: Date;
  last: Date;
};
export type FoundLetter = DeadLetter & { readonly number: number; readonly streamId: number };

/** Newest first. */
export async function listDeadLetters(tx: Tx, filter: LetterFilter): Promise<FoundLetter[]> {
  const where = [sql`true`];
  if (filter.ids) where.push(sql`d.id = any(${numbers(filter.ids)})`);
  if (filter.connection !== undefined) where.push(sql`c.name = ${filter.connection}`);
  if (filter.stream !== undefined) where.push(sql`s.name = ${filter.stream}`);
  if (filter.code !== undefined) where.push(sql`d.code = ${filter.code}`);
  if (filter.states && filter.states.length > 0) where.push(sql`d.state = any(${texts(filter.states)})`);
  const rows = await tx.rows<Row>(sql`
    select d.id, d.stream_id, c.name as connection, s.name as stream, d.external_id as "externalId", d.position, d.code, d.problems, d.state, d.times,
      d.run_id as run, d.first_at as first, d.last_at as last, d.slot is not null as "canReplay"
    from dead_letter d join stream s on s.id = d.stream_id join connection c on c.id = s.connection_id
    where ${sql.join(where, sql` and `)} order by d.id desc limit ${filter.limit}::bigint offset ${(filter.page - 1) * filter.limit}::bigint`);
  return rows.map(({ id, stream_id: streamId, run, first, last, ...rest }) => ({
    ...rest,
    id: publicId('deadLetter', id),
    number: id,
    streamId,
    run: publicId('run', run),
    firstAt: first.toISOString(),
    lastAt: last.toISOString(),
  }));
}

/** Without what is only ours. */
export const publicLetter = ({ number: _number, streamId: _streamId, ...letter }: FoundLetter): DeadLetter => letter;

/** @throws ERR_NOT_FOUND naming those that are none */
export function letterNumbers(ids: readonly string[]): number[] {
  const numbersOf = ids.map((id) => [id, parseId('deadLetter', id)] as const);
  const unknown = numbersOf.flatMap(([id, number]) => (number === null ? [id.slice(0, 40)] : []));
  if (unknown.length > 0) throw noLetter(unknown);
  return numbersOf.flatMap(([, number]) => number ?? []);
}

/** @throws ERR_NOT_FOUND when one is missing */
export async function findDeadLetters(tx: Tx, ids: readonly string[]): Promise<FoundLetter[]> {
  const wanted = letterNumbers(ids);
  const found = await listDeadLetters(tx, { ids: wanted, limit: wanted.length, page: 1 });
  const missing = ids.filter((id) => !found.some((letter) => letter.id === id));
  if (missing.length > 0) throw noLetter(missing);
  return found;
}

const noLetter = (ids: readonly string[]): TributaryError =>
  new TributaryError('ERR_NOT_FOUND', `There is no dead letter ${ids.join(', ')}.`, {
    remedy: 'List them with `tributary deadletters list`.',
  });

/** The record as it came. `null`: nothing of it is kept. */
export async function letterRaw(
  tx: Tx,
  letter: FoundLetter,
): Promise<{ readonly parts: readonly Uint8Array[]; readonly context: JsonObject } | null> {
  const [page] = await tx.rows<{ slot: number | null; context: JsonObject; payload: Uint8Array }>(
    sql`select coalesce(d.slot, d.kept) as slot, p.context, p.payload from dead_letter d join page p on p.id = d.page_id where d.id = ${letter.number}`,
  );
  if (!page || page.slot === null) return null;
  const parts = (await unpack(page.payload)).at(page.slot);
  return parts ? { parts, context: page.context } : null;
}

export type LetterView = DeadLetter & { readonly raw: RawText | null; readonly decoded: Json };

export async function showDeadLetter(
  store: Store,
  tenant: number,
  id: string,
  decodeOf: (streamId: number) => Decode,
): Promise<LetterView> {
  const { letter, raw } = await store.answer(tenant, async (tx) => {
    const [found] = await findDeadLetters(tx, [id]);
    if (!found) throw noLetter([id]);
    return { letter: found, raw: await letterRaw(tx, found) };
  });
  return {
    ...publicLetter(letter),
    ...(raw ? rawText(raw.parts, raw.context, decodeOf(letter.streamId)) : { raw: null, decoded: null }),
  };
}

export type Acceptance = {
  readonly tenant: number;
  readonly ids: readonly string[];
  readonly actor: string;
  readonly note: string;
};

/** Closes open dead letters as they are; the records stay out. @throws ERR_NOT_FOUND */
export async function acceptDeadLetters(
  deps: { readonly store: Store; readonly clock: Clock },
  { tenant, ids, actor, note }: Acceptance,
): Promise<readonly string[]> {
  const found = await deps.store.answer(tenant, (tx) => findDeadLetters(tx, ids));
  const audit = await auditing(deps.store);
  const at = deps.clock.now();
  return deps.store.transaction(async (tx) => {
    const closed = await tx.rows<{ id: number }>(sql`
      update dead_letter set state = 'accepted' where tenant = ${tenant} and state = 'open' and id = any(${numbers(found.map((letter) => letter.number))}) returning id`);
    const names = closed.map((row) => publicId('deadLetter', row.id)).sort();
    if (names.length > 0) {
      await audit(tx, {
        tenant,
        at,
        actor,
        action: 'deadletters.accept',
        subject: names.length === 1 ? (names[0] ?? '') : `${names.length} dead letters`,
        details: { ids: names, note },
      });
    }
    return names;
  });
}
