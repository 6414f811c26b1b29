/**
 * Writes in batches of 200, with an outcome for each intent. Creates go by the external id we give where there is a field for it, so
 * that the same intent never makes two records; without one, an existing record is looked for by e-mail address or name first.
 */
import type { Json, JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import { joinCampaigns } from './campaign-members.ts';
import type { Call } from './client.ts';
import { externalId } from './ids.ts';
import { rawNumber } from './json.ts';
import { type Kept, keptOf, type Match, matchesOf, type Target } from './match.ts';
import { outcomeOfError, outcomeOfResult, rejected } from './outcomes.ts';
import { objectNameOf, protocol } from './queries.ts';
import { EXTERNAL_ID, isMembership, MOST_WRITES } from './writes.ts';

/** An intent on its way: to an existing record, or to be created. */
type Way = { readonly intent: WriteIntent; readonly id: string | null };

export async function writeAll(
  targetOf: (stream: string) => Target,
  intents: readonly WriteIntent[],
): Promise<readonly WriteOutcome[]> {
  const outcomes = new Map<WriteIntent, WriteOutcome>();
  for (const [stream, group] of Map.groupBy(intents, (intent) => intent.stream)) {
    const target = targetOf(stream);
    // What speaks of the same record twice goes out one after the other, in order.
    for (const round of roundsOf(target, group)) await writeRound(target, round, outcomes);
  }
  return intents.map(
    (intent) => outcomes.get(intent) ?? { state: 'unknown', message: 'The intent was not dealt with.' },
  );
}

function roundsOf({ stream }: Target, intents: readonly WriteIntent[]): WriteIntent[][] {
  const rounds: WriteIntent[][] = [];
  const places = new Map<string, number>();
  for (const intent of intents) {
    const names = stream.writes.matchBy.map((name) => intent.values[name]).filter((value) => typeof value === 'string');
    const keys = [
      ...(intent.id === null ? [] : [`id ${intent.id}`]),
      ...names.map((value) => `value ${value.toLowerCase()}`),
    ];
    const round = Math.max(0, ...keys.map((key) => (places.get(key) ?? -1) + 1));
    for (const key of keys) places.set(key, round);
    rounds[round] = [...(rounds[round] ?? []), intent];
  }
  return rounds;
}

async function writeRound(
  target: Target,
  intents: readonly WriteIntent[],
  outcomes: Map<WriteIntent, WriteOutcome>,
): Promise<void> {
  const settle = (intent: WriteIntent, outcome: WriteOutcome) => void outcomes.set(intent, outcome);
  const isFirst = () => outcomes.size === 0;
  const deletes = intents.filter(({ action }) => action === 'delete');
  // To delete what is gone already is what was wanted.
  const settleDelete = (intent: WriteIntent, outcome: WriteOutcome) =>
    settle(intent, isGone(outcome) ? { state: 'ok', id: intent.id ?? '', version: null } : outcome);
  await sendAll(
    target,
    deletes.filter(({ id }) => id !== null).map((intent) => ({ intent, id: intent.id })),
    deleteCall,
    settleDelete,
    isFirst,
  );
  for (const intent of deletes)
    if (intent.id === null)
      settle(intent, rejected('MISSING_ARGUMENT', 'A delete needs the id of its record.', ['Id']));

  const changes = intents.filter(({ action }) => action !== 'delete');
  const unknown = changes.filter(({ id }) => id === null);
  const matches = unknown.length === 0 ? new Map<WriteIntent, Match>() : await matchesOf(target, unknown);
  const ways: Way[] = [];
  for (const intent of changes) {
    const way = wayOf(intent, matches.get(intent));
    if ('state' in way) settle(intent, way);
    else ways.push(way);
  }
  await sendAll(
    target,
    ways.filter(({ id }) => id !== null),
    updateCall,
    settle,
    isFirst,
  );
  await sendAll(
    target,
    ways.filter(({ id }) => id === null),
    createCall,
    settle,
    isFirst,
  );
  await finish(
    target,
    ways.map(({ intent }) => intent),
    outcomes,
  );
}

const isGone = (outcome: WriteOutcome): boolean =>
  outcome.state === 'rejected' && (outcome.code === 'ENTITY_IS_DELETED' || outcome.code === 'NOT_FOUND');

/** Where an intent goes, or why it does not. */
function wayOf(intent: WriteIntent, match: Match = { by: 'none', ids: [] }): Way | WriteOutcome {
  if (intent.id !== null) return { intent, id: externalId(intent.stream, intent.id) };
  const [only, ...more] = match.ids;
  if (more.length > 0)
    return rejected('MULTIPLE_CHOICES', `${match.ids.length} records of the org have what this one is found by.`, []);
  if (only === undefined)
    return intent.action === 'update' ? rejected('NOT_FOUND', 'The org has no such record.', []) : { intent, id: null };
  // Our own create of an earlier try, or somebody else's record.
  if (intent.action === 'create' && match.by === 'value')
    return { ...rejected('DUPLICATES_DETECTED', 'The org has such a record already.', []), existingId: only };
  return { intent, id: only };
}

type MakeCall = (target: Target, ways: readonly Way[]) => Omit<Call, 'trafficClass'>;
type Settle = (intent: WriteIntent, outcome: WriteOutcome) => void;

async function sendAll(
  target: Target,
  ways: readonly Way[],
  make: MakeCall,
  settle: Settle,
  isFirst: () => boolean,
): Promise<void> {
  for (let at = 0; at < ways.length; at += MOST_WRITES)
    await sendBatch(target, ways.slice(at, at + MOST_WRITES), make, settle, isFirst);
}

/** A batch that is refused as a whole is cut in halves until the record at fault stands alone. */
async function sendBatch(
  target: Target,
  ways: readonly Way[],
  make: MakeCall,
  settle: Settle,
  isFirst: () => boolean,
): Promise<void> {
  let results: readonly Json[];
  try {
    const { body } = await target.org.json({ ...make(target, ways), trafficClass: target.trafficClass });
    if (!Array.isArray(body) || body.length !== ways.length) throw protocol('a batch has other results than records');
    results = body;
  } catch (error) {
    if (!(error instanceof TributaryError)) throw error;
    const isRefused = error.code === 'ERR_CONNECTOR_PROTOCOL' && typeof error.evidence.status === 'number';
    if (isRefused && ways.length > 1) {
      const middle = Math.ceil(ways.length / 2);
      await sendBatch(target, ways.slice(0, middle), make, settle, isFirst);
      return sendBatch(target, ways.slice(middle), make, settle, isFirst);
    }
    const outcome = outcomeOfError(error);
    // Nothing of all this was carried out: the caller tries again, or tells somebody.
    if (outcome === null && isFirst()) throw error;
    for (const { intent } of ways)
      settle(intent, outcome ?? { ...rejected(error.code, error.message, []), retry: 'transient' });
    return;
  }
  const locked: Way[] = [];
  for (const [at, way] of ways.entries()) {
    const outcome = outcomeOfResult(results[at] ?? null, way.id, way.intent.stream);
    if (ways.length > 1 && outcome.state === 'rejected' && outcome.code === 'UNABLE_TO_LOCK_ROW') locked.push(way);
    else settle(way.intent, outcome);
  }
  // Mostly it was a neighbour in the batch that held the lock.
  for (const way of locked) await sendBatch(target, [way], make, settle, isFirst);
}

const updateCall: MakeCall = (target, ways) => ({
  ...{ method: 'PATCH', path: '/composite/sobjects' },
  body: { allOrNone: false, records: ways.map(({ intent, id }) => ({ ...recordOf(target, intent), id })) },
});

const deleteCall: MakeCall = (_target, ways) => ({
  method: 'DELETE',
  path: `/composite/sobjects?ids=${ways.map(({ id }) => id).join(',')}&allOrNone=false`,
});

// The single form would put the external id into the address, cut at its first odd sign; here it travels in the body.
const createCall: MakeCall = (target, ways) => {
  const { externalIdField } = target.org.config;
  const records = ways.map(({ intent }) => recordOf(target, intent));
  const isUpsert =
    externalIdField !== undefined && records.every((record) => typeof record[externalIdField] === 'string');
  const path = isUpsert
    ? `/composite/sobjects/${objectNameOf(target.stream.name)}/${externalIdField}`
    : '/composite/sobjects';
  return { method: isUpsert ? 'PATCH' : 'POST', path, body: { allOrNone: false, records } };
};

function recordOf({ org, stream }: Target, { values }: WriteIntent): JsonObject {
  const record: JsonObject = { attributes: { type: objectNameOf(stream.name) } };
  const types = new Map(stream.writes.fields.map(({ path, type }) => [path, type]));
  for (const [name, value] of Object.entries(values)) {
    if (isMembership(name, stream.name)) continue;
    if (name === EXTERNAL_ID) {
      if (org.config.externalIdField !== undefined && value !== null) record[org.config.externalIdField] = value;
    } else record[name] = types.get(name) === 'decimal' ? numberOf(value) : value;
  }
  return record;
}

// Decimals come as text; the org wants a number, with all its digits.
const numberOf = (value: Json): Json =>
  typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(value) ? rawNumber(value) : value;

/** Joins the campaigns and reads back what the org kept. */
async function finish(
  target: Target,
  intents: readonly WriteIntent[],
  outcomes: Map<WriteIntent, WriteOutcome>,
): Promise<void> {
  const written = intents.flatMap((intent) => {
    const outcome = outcomes.get(intent);
    return outcome?.state === 'ok' ? [{ intent, id: outcome.id }] : [];
  });
  if (written.length === 0) return;
  for (const [intent, outcome] of await joinCampaigns(target, written)) outcomes.set(intent, outcome);
  let kept: ReadonlyMap<string, Kept>;
  try {
    kept = await keptOf(
      target,
      written.map(({ id }) => id),
    );
  } catch (error) {
    // Written it is; what exactly was kept, the next read tells.
    if (!(error instanceof TributaryError)) throw error;
    return;
  }
  for (const { intent, id } of written) {
    const row = kept.get(id);
    if (row && outcomes.get(intent)?.state === 'ok')
      outcomes.set(intent, { state: 'ok', id, version: row.version, stored: row.values });
  }
}
