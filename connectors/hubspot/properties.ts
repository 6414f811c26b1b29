/** The properties an account has: what may be asked for, and what a record therefore must say. */
import type { DeclaredField } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Portal } from './client.ts';
import type { HubSpotConfig } from './config.ts';
import { listOf, objectOf, pageOf, textOf } from './json.ts';
import type { ObjectStream } from './objects.ts';
import { declaredNames, streamsOf } from './streams.ts';

export type AccountProperty = {
  readonly name: string;
  readonly type: string;
  readonly label: string;
  readonly isCalculated: boolean;
  readonly isReadOnly: boolean;
  readonly isUnique: boolean;
};

/** Asked for once in the life of a connection. */
export type KnownProperties = {
  all(stream: ObjectStream): Promise<readonly AccountProperty[]>;
  /** Names of declared properties that the account has. The others it does not have are no fields of its records. */
  asked(stream: ObjectStream): Promise<readonly string[]>;
};

const PREFIX = 'properties.';

export function knownProperties(config: HubSpotConfig, portal: Portal): KnownProperties {
  const known = new Map<ObjectStream, Promise<readonly AccountProperty[]>>();
  const all = (stream: ObjectStream): Promise<readonly AccountProperty[]> => {
    const before = known.get(stream);
    if (before) return before;
    const asking = load(config, portal, stream);
    known.set(stream, asking);
    // What failed is asked again the next time.
    asking.catch(() => known.delete(stream));
    return asking;
  };
  return {
    all,
    async asked(stream) {
      const names = new Set((await all(stream)).map(({ name }) => name));
      const missing = namedIn(config, stream).filter((name) => !names.has(name));
      if (missing.length > 0)
        throw new TributaryError(
          'ERR_CONNECTOR_PROTOCOL',
          `The account shows no property ${missing.join(', ')} of ${stream}.`,
          {
            evidence: { stream, missing },
            remedy: 'Correct `properties` in the settings, or give the token the scope that sensitive properties need.',
          },
        );
      return declaredNames(stream, streamsOf(config)).filter((name) => names.has(name));
    },
  };
}

const namedIn = ({ properties }: HubSpotConfig, stream: ObjectStream): readonly string[] => properties?.[stream] ?? [];

async function load(config: HubSpotConfig, portal: Portal, stream: ObjectStream): Promise<readonly AccountProperty[]> {
  const body = await portal.get({ path: `${config.propertiesPath}/${stream}`, trafficClass: 'poll' });
  return pageOf(body, 'properties').results.flatMap((one) => {
    const property = objectOf(one);
    const name = textOf(property.name);
    if (name === null) return [];
    return {
      name,
      type: textOf(property.type) ?? 'string',
      label: textOf(property.label) ?? name,
      isCalculated: property.calculated === true,
      isReadOnly: objectOf(property.modificationMetadata).readOnlyValue === true,
      isUnique: property.hasUniqueValue === true,
    };
  });
}

const TYPES: Readonly<Record<string, DeclaredField['type']>> = {
  number: 'decimal',
  datetime: 'timestamp',
  date: 'date',
  bool: 'boolean',
};

/** Every property of the account as a field of its records, beside what is declared anyway. */
export async function describeObject(
  properties: KnownProperties,
  declared: readonly DeclaredField[],
  stream: ObjectStream,
): Promise<readonly DeclaredField[]> {
  const paths = new Set(declared.map(({ path }) => path));
  const more = (await properties.all(stream))
    .filter(({ name }) => !paths.has(`${PREFIX}${name}`) && /^[a-z]\w*$/.test(name))
    .map(({ name, type, label }): DeclaredField => {
      const about = `${label}; read when the settings name it`;
      return { path: `${PREFIX}${name}`, type: TYPES[type] ?? 'text', nullable: true, about };
    });
  return [...declared, ...more];
}

/** Whether records can be found and upserted by a property. */
export async function isUnique(properties: KnownProperties, stream: ObjectStream, name: string): Promise<boolean> {
  if (stream === 'contacts' && name === 'email') return true;
  return listOf([...(await properties.all(stream))].map((one) => one.name === name && one.isUnique)).includes(true);
}
