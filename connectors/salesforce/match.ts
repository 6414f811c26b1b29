/** Finds records to be written to: by id, by the external id we gave them, or by e-mail address or name. */
import type { Json, JsonObject, StreamDeclaration, WriteDeclaration, WriteIntent } from '../../src/connector/index.ts';
import { externalId } from './ids.ts';
import { objectNameOf, type Place, query } from './queries.ts';
import { objectOf, timeOf } from './records.ts';
import { isOneOf } from './soql.ts';
import { EXTERNAL_ID, plainFields } from './writes.ts';

/** Values of one query: each costs as much of the address as its text is long. */
const MOST_VALUES = 50;

/** A record as it is there. `values` by the names of writes. */
export type Kept = {
  readonly id: string;
  readonly version: number | null;
  readonly values: JsonObject;
  readonly ours: string | null;
};

/** Where writes go. */
export type Target = Place & { readonly stream: StreamDeclaration & { readonly writes: WriteDeclaration } };

/** Which records an intent without an id may mean. `ours`: found by the external id we gave. */
export type Match = { readonly by: 'ours' | 'value' | 'none'; readonly ids: readonly string[] };

/** For each intent without an id: what is there already. */
export async function matchesOf(
  target: Target,
  intents: readonly WriteIntent[],
): Promise<ReadonlyMap<WriteIntent, Match>> {
  const { externalIdField } = target.org.config;
  const [, field = ''] = target.stream.writes.matchBy;
  const ours =
    externalIdField === undefined
      ? new Map()
      : await idsBy(
          target,
          externalIdField,
          intents.map((one) => textOf(one.values[EXTERNAL_ID])),
        );
  const others = await idsBy(
    target,
    field,
    intents.map((one) => textOf(one.values[field])),
  );
  return new Map(
    intents.map((intent): [WriteIntent, Match] => {
      const own = ours.get(keyOf(intent.values[EXTERNAL_ID])) ?? [];
      if (own.length > 0) return [intent, { by: 'ours', ids: own }];
      const same = others.get(keyOf(intent.values[field])) ?? [];
      return [intent, { by: same.length > 0 ? 'value' : 'none', ids: same }];
    }),
  );
}

async function idsBy(
  target: Target,
  field: string,
  texts: readonly (string | null)[],
): Promise<ReadonlyMap<string, string[]>> {
  const wanted = [...new Set(texts.filter((text) => text !== null))];
  const found = new Map<string, string[]>();
  const object = objectNameOf(target.stream.name);
  // A converted lead is history: nothing may be written to it, and a new one is due.
  const open = object === 'Lead' ? ' AND IsConverted = false' : '';
  for (let at = 0; at < wanted.length; at += MOST_VALUES) {
    const where = isOneOf(field, wanted.slice(at, at + MOST_VALUES));
    const { rows } = await query(
      target,
      `SELECT Id, ${field} FROM ${object} WHERE ${where}${open} ORDER BY CreatedDate, Id`,
      false,
      2000,
    );
    for (const row of rows) {
      const { Id, [field]: value } = objectOf(row);
      const key = keyOf(value);
      found.set(key, [...(found.get(key) ?? []), externalId(target.stream.name, Id ?? null)]);
    }
  }
  return found;
}

/** What the org kept of records, by id; deleted ones are not there. */
export async function keptOf(target: Target, ids: readonly string[]): Promise<ReadonlyMap<string, Kept>> {
  const { stream, org } = target;
  const names = [
    ...plainFields(stream.writes, stream.name).map(({ path }) => path),
    ...(org.config.externalIdField ?? '').split(' ').filter(Boolean),
  ];
  const wanted = [...new Set(ids)];
  const kept = new Map<string, Kept>();
  for (let at = 0; at < wanted.length; at += MOST_VALUES) {
    const where = isOneOf('Id', wanted.slice(at, at + MOST_VALUES));
    const soql = `SELECT Id, SystemModstamp, ${names.join(', ')} FROM ${objectNameOf(stream.name)} WHERE ${where}`;
    const { rows } = await query(target, soql, false, MOST_VALUES);
    for (const row of rows) {
      const { Id, SystemModstamp, [org.config.externalIdField ?? '']: ours, ...values } = objectOf(row);
      delete values['attributes'];
      const id = externalId(stream.name, Id ?? null);
      kept.set(id, { id, version: timeOf(SystemModstamp), values, ours: textOf(ours) });
    }
  }
  return kept;
}

const textOf = (value: Json | undefined): string | null =>
  typeof value === 'string' && value.trim() !== '' ? value.trim() : null;

// The org compares texts without case.
const keyOf = (value: Json | undefined): string => (textOf(value) ?? '').toLowerCase();
