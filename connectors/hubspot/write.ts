/**
 * Writes in batches of a hundred, with an outcome for each intent. Every input carries a trace id, so that HubSpot does what it can
 * and names the rest; where it refuses a batch as a whole, the batch is cut in halves until the record at fault stands alone.
 * https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide
 */
import { type JsonObject, unsupported, type WriteIntent, type WriteOutcome } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Account } from './account.ts';
import type { Answer } from './client.ts';
import { findId } from './ids.ts';
import { listOf, objectOf, textOf } from './json.ts';
import { linkCompanies } from './link-company.ts';
import { isWriteStream, type Match, matchOf, type WriteStream } from './match.ts';
import { MOST_LISTED, OBJECTS } from './objects.ts';
import { outcomeOfError, refusal, rejected, textSent, unknown, written } from './outcomes.ts';
import { writeCampaign } from './write-campaign.ts';
import { COMPANY_LINK } from './writes.ts';

type Verb = 'update' | 'upsert' | 'create' | 'archive';
/** An intent on its way. */
type Way = {
  readonly intent: WriteIntent;
  readonly verb: Verb;
  readonly id: string | null;
  readonly match: Match | null;
};
type Outcomes = Map<WriteIntent, WriteOutcome>;

/** @throws TributaryError only when nothing at all was carried out */
export async function write(account: Account, intents: readonly WriteIntent[]): Promise<readonly WriteOutcome[]> {
  const outcomes: Outcomes = new Map();
  for (const [stream, group] of Map.groupBy(intents, (intent) => intent.stream)) {
    if (stream === 'campaigns') {
      for (const intent of group) await settleOne(intent, outcomes, () => writeCampaign(account, intent));
    } else if (isWriteStream(stream)) await writeObjects(account, stream, group, outcomes);
    else throw unsupported('hubspot', `write the stream ${stream}`);
  }
  return intents.map((intent) => outcomes.get(intent) ?? unknown('The intent was not dealt with.'));
}

async function writeObjects(
  account: Account,
  stream: WriteStream,
  intents: readonly WriteIntent[],
  outcomes: Outcomes,
): Promise<void> {
  const ways: Way[] = [];
  for (const intent of intents) {
    const way = wayOf(account, stream, intent);
    if ('state' in way) outcomes.set(intent, way);
    else ways.push(way);
  }
  for (const round of roundsOf(ways))
    for (const [, group] of Map.groupBy(round, ({ verb, match }) => `${verb} ${match?.idProperty ?? 'id'}`))
      for (let at = 0; at < group.length; at += MOST_LISTED)
        await send(account, stream, group.slice(at, at + MOST_LISTED), outcomes);
  if (stream === 'contacts') await linkCompanies(account, intents, outcomes);
}

function wayOf({ config }: Account, stream: WriteStream, intent: WriteIntent): Way | WriteOutcome {
  const { action, id, values } = intent;
  if (action === 'delete')
    return id === null
      ? rejected('MISSING_ID', 'A delete needs the id of its record.')
      : { intent, verb: 'archive', id, match: null };
  if (id !== null) return { intent, verb: 'update', id, match: null };
  const match = matchOf(config, stream, values);
  if (action === 'update' && match === null)
    return rejected('MISSING_ID', 'An update needs an id, or a value that the record is found by.');
  const isByValue = match !== null && action !== 'create';
  return { intent, verb: !isByValue ? 'create' : action, id: null, match: isByValue ? match : null };
}

/** A batch must not speak of one record twice: what does goes out one after the other, in order. */
function roundsOf(ways: readonly Way[]): readonly (readonly Way[])[] {
  const rounds: Way[][] = [];
  const places = new Map<string, number>();
  for (const way of ways) {
    const email = textOf(way.intent.values.email)?.trim().toLowerCase();
    const keys = [way.id, way.match && `${way.match.idProperty} ${way.match.value}`, email && `email ${email}`];
    const known = keys.flatMap((key) => key || []);
    const round = Math.max(0, ...known.map((key) => (places.get(key) ?? -1) + 1));
    for (const key of known) places.set(key, round);
    rounds[round] = [...(rounds[round] ?? []), way];
  }
  return rounds;
}

async function send(account: Account, stream: WriteStream, ways: readonly Way[], outcomes: Outcomes): Promise<void> {
  const [first] = ways;
  if (!first) return;
  let answer: Answer;
  try {
    answer = await account.portal.ask({
      ...{ method: 'POST', path: `${account.config.objectsPath}/${stream}/batch/${first.verb}`, trafficClass: 'write' },
      body: { inputs: ways.map(inputOf) },
    });
  } catch (error) {
    settleError(
      error,
      ways.map(({ intent }) => intent),
      outcomes,
    );
    return;
  }
  if (answer.status >= 200 && answer.status < 300) {
    settle(stream, ways, answer, outcomes);
    const left = ways.filter(({ intent }) => !outcomes.has(intent));
    // To do these again changes nothing; a create might make a second record.
    if (ways.length > 1 && first.verb !== 'create')
      for (const way of left) await send(account, stream, [way], outcomes);
    else for (const { intent } of left) outcomes.set(intent, unknown('HubSpot does not say what became of it.'));
    return;
  }
  if (ways.length === 1) {
    outcomes.set(first.intent, refusal(objectOf(answer.body), answer.status));
    return;
  }
  const middle = Math.ceil(ways.length / 2);
  await send(account, stream, ways.slice(0, middle), outcomes);
  await send(account, stream, ways.slice(middle), outcomes);
}

function inputOf({ intent, verb, id, match }: Way, place: number): JsonObject {
  if (verb === 'archive') return { id };
  const values = Object.entries(intent.values).filter(([name]) => name !== COMPANY_LINK);
  const properties = Object.fromEntries(values.map(([name, value]) => [name, textSent(value)]));
  const trace = { properties, objectWriteTraceId: String(place) };
  if (verb === 'create') return { ...trace, associations: [] };
  return match === null ? { ...trace, id } : { ...trace, id: match.value, idProperty: match.idProperty };
}

/** Results come in any order, each with its trace id; where that is missing, by the id or value they are about. */
function settle(stream: WriteStream, ways: readonly Way[], { status, body }: Answer, outcomes: Outcomes): void {
  const [first] = ways;
  if (first?.verb === 'archive') {
    // 204, also for those that were gone already.
    for (const { intent, id } of ways) outcomes.set(intent, { state: 'ok', id: id ?? '', version: null });
    return;
  }
  const { results, errors } = objectOf(body);
  for (const result of listOf(results).map(objectOf)) {
    const way = wayOfResult(ways, result);
    if (way) outcomes.set(way.intent, written(way.intent, result, OBJECTS[stream].modified));
  }
  for (const error of listOf(errors).map(objectOf))
    for (const { intent } of waysOfError(ways, error)) outcomes.set(intent, refusal(error, status));
}

function wayOfResult(ways: readonly Way[], result: JsonObject): Way | undefined {
  const trace = textOf(result.objectWriteTraceId);
  if (trace !== null) return ways[Number(trace)];
  if (ways.length === 1) return ways[0];
  const id = findId(result);
  const textNamed = (name: string) => textOf(objectOf(result.properties)[name])?.toLowerCase();
  return ways.find((way) =>
    way.match === null
      ? way.id !== null && way.id === id
      : way.match.value.toLowerCase() === textNamed(way.match.idProperty),
  );
}

function waysOfError(ways: readonly Way[], error: JsonObject): readonly Way[] {
  if (ways.length === 1) return ways;
  const context = objectOf(error.context);
  const traces = listOf(context.objectWriteTraceId).map(Number);
  const ids = new Set(listOf(context.ids).map(String));
  return ways.filter((way, place) => traces.includes(place) || ids.has(way.id ?? way.match?.value ?? ''));
}

/** One intent by calls of its own. */
async function settleOne(intent: WriteIntent, outcomes: Outcomes, work: () => Promise<WriteOutcome>): Promise<void> {
  try {
    outcomes.set(intent, await work());
  } catch (error) {
    settleError(error, [intent], outcomes);
  }
}

/** @throws the error itself when nothing was carried out yet: the caller tries all of it again, or tells somebody */
function settleError(error: unknown, intents: readonly WriteIntent[], outcomes: Outcomes): void {
  if (!(error instanceof TributaryError)) throw error;
  const outcome = outcomeOfError(error);
  if (outcome === null && outcomes.size === 0) throw error;
  for (const intent of intents)
    outcomes.set(intent, outcome ?? { ...rejected(error.code, error.message), retry: 'transient' });
}
