/** Fields of an object as this org and this user have them. */
import type { DeclaredField, Json, StreamDeclaration } from '../../src/connector/index.ts';
import type { Org } from './client.ts';
import { objectNameOf, protocol } from './queries.ts';
import { objectOf } from './records.ts';

type FieldType = DeclaredField['type'];

const TYPES: Readonly<Record<string, FieldType>> = {
  boolean: 'boolean',
  int: 'integer',
  long: 'integer',
  double: 'decimal',
  currency: 'decimal',
  percent: 'decimal',
  date: 'date',
  datetime: 'timestamp',
};
/** Not offered by the Bulk API, or no value at all. */
const LEFT_OUT = ['address', 'location', 'base64', 'complexvalue'];

/** What an org says of one field. */
export type Described = {
  readonly name: string;
  readonly type: string;
  readonly label: string;
  readonly isCalculated: boolean;
  readonly isExternalId: boolean;
};

export async function describeFields(org: Org, object: string): Promise<readonly Described[]> {
  const { body } = await org.json({ path: `/sobjects/${object}/describe`, trafficClass: 'poll' });
  const { fields } = objectOf(body);
  if (!Array.isArray(fields)) throw protocol(`the description of ${object} has no fields`);
  return fields.map((field) => {
    const { name, type, label, calculated, externalId, idLookup } = objectOf(field);
    return {
      ...{ name: textOf(name), type: textOf(type), label: textOf(label) },
      ...{ isCalculated: calculated === true, isExternalId: externalId === true || idLookup === true },
    };
  });
}

/** The declared fields, and what else could be named in `objects` and in mappings. */
export async function describeStream(org: Org, stream: StreamDeclaration): Promise<readonly DeclaredField[]> {
  const described = await describeFields(org, objectNameOf(stream.name));
  const found = described
    .filter(({ type }) => !LEFT_OUT.includes(type))
    .map(
      ({ name, type, label, isCalculated }): DeclaredField => ({
        path: name,
        type: TYPES[type] ?? 'text',
        nullable: name !== 'Id' && name !== 'SystemModstamp',
        about: isCalculated ? `${label} (formula)` : label,
      }),
    );
  const parents = (stream.fields ?? []).filter(({ path }) => path.includes('.'));
  return [...found, ...parents];
}

const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');
