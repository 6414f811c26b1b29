/** What answers to writes mean for the record they are about. */
import type { Json, JsonObject, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import type { TributaryError } from '../../src/errors.ts';
import { findId } from './ids.ts';
import { listOf, objectOf, textOf } from './json.ts';
import { COMPANY_LINK } from './writes.ts';

type Rejected = Extract<WriteOutcome, { state: 'rejected' }>;

export const rejected = (code: string, message: string, fields: readonly string[] = []): Rejected => ({
  ...{ state: 'rejected', code, message, fields, retry: 'terminal' },
});

export const unknown = (message: string): WriteOutcome => ({ state: 'unknown', message });

/** A refusal, of a whole call or of one input of a batch. */
export function refusal(error: JsonObject, status: number): Rejected {
  const code = textOf(error.category) ?? `HTTP_${status}`;
  const said = textOf(error.message) ?? '';
  const existingId = /Existing ID: (\d+)/i.exec(said)?.[1];
  const complaints = complaintsIn(said);
  const named = listOf(error.errors).flatMap((one) => listOf(objectOf(objectOf(one).context).propertyName).map(String));
  const fields = [...new Set([...named, ...complaints.map(({ name }) => name)])];
  // The words repeat values of the record, which do not belong into a message.
  const words =
    complaints.map(({ name, error: why }) => `${name}: ${why}`).join(', ') || said.replace(/"[^"]*"/g, '"…"');
  return {
    ...rejected(code, `HubSpot refused it: ${words.slice(0, 300)}`, fields),
    ...(existingId === undefined ? {} : { existingId }),
  };
}

/** What is wrong with properties is written as JSON into the sentence. */
function complaintsIn(message: string): readonly { readonly name: string; readonly error: string }[] {
  try {
    const list: Json = JSON.parse(message.slice(message.indexOf('[')));
    return listOf(list).map((one) => {
      const { name, error } = objectOf(one);
      return { name: textOf(name) ?? '?', error: textOf(error) ?? 'INVALID' };
    });
  } catch {
    return [];
  }
}

/**
 * The outcome of an answer that did not come or means nothing; `null`: the call was refused before anything was done, and may be
 * made again.
 */
export function outcomeOfError({ code, message, evidence }: TributaryError): WriteOutcome | null {
  if (code === 'ERR_CONNECTOR_LIMITED' || code === 'ERR_CONNECTOR_CREDENTIALS') return null;
  // Locked for a moment, or being moved.
  if (evidence.status === 423 || evidence.status === 477) return null;
  return unknown(message);
}

/** A record as HubSpot says that it kept it. */
export function written(intent: WriteIntent, kept: JsonObject, modified: string): WriteOutcome {
  const id = findId(kept);
  if (id === null) return unknown('HubSpot names no id of what it wrote.');
  const properties = objectOf(kept.properties);
  const at = Date.parse(textOf(properties[modified]) ?? textOf(kept.updatedAt) ?? '');
  return { state: 'ok', id, version: Number.isNaN(at) ? null : at, stored: storedOf(intent, properties) };
}

function storedOf({ values }: WriteIntent, properties: JsonObject): JsonObject {
  const names = Object.keys(values).filter((name) => name !== COMPANY_LINK && Object.hasOwn(properties, name));
  return Object.fromEntries(names.map((name) => [name, properties[name] || null]));
}

/** Whether a record has what an intent was to give it. */
export function holds(values: JsonObject, has: JsonObject): boolean {
  return Object.entries(values).every(([name, value]) => isSame(name, textSent(value), textSent(has[name] ?? null)));
}

/** A value as HubSpot takes it: texts, and an empty one clears. */
export function textSent(value: Json): string {
  if (value === null) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function isSame(name: string, sent: string, kept: string): boolean {
  if (sent === kept) return true;
  if (name === 'email') return sent.trim().toLowerCase() === kept;
  // Times come back in another form, numbers with other zeros.
  if (/^\d{4}-\d{2}-\d{2}T/.test(sent)) return Date.parse(sent) === Date.parse(kept);
  return /^-?\d+(\.\d+)?$/.test(sent) && kept !== '' && Number(sent) === Number(kept);
}
