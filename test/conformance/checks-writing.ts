/** Checks of writing into one stream: an outcome for each intent, looked up again, read back. */
import { expect } from 'vitest';
import type {
  Json,
  JsonObject,
  StreamDeclaration,
  WriteDeclaration,
  WriteIntent,
} from '../../src/connector/contract.ts';
import { type Account, decode } from './account.ts';
import type { Check } from './check.ts';

export function writingChecks(open: () => Promise<Account>, stream: StreamDeclaration): Check[] {
  const { name, writes } = stream;
  if (!writes?.actions.includes('update')) return [];
  return [
    {
      title: `${name}: is written to, looked up and read back`,
      async run() {
        await using account = await open();
        const source = await account.open();
        const [target] = await targetsOf(account, name);
        const values = target && changedValues(target.values, writes);
        if (!target || !values) throw new Error(`no record of ${name} has a value that may be written`);
        const intent = intentOf(name, target.id, values, 'one');
        const outcomes = await source.write?.([intent]);
        expect(outcomes).toMatchObject([{ state: 'ok', id: target.id }]);
        expect(await source.find?.(intent)).toMatchObject({ state: 'ok', id: target.id });
        const after = (await targetsOf(account, name)).find(({ id }) => id === target.id);
        expect(after?.values).toMatchObject(values);
        await source.close();
      },
    },
    {
      title: `${name}: tells of each intent what became of it, in order`,
      async run() {
        await using account = await open();
        const source = await account.open();
        const all = await targetsOf(account, name);
        const [first, second] = all;
        if (!first || !second) throw new Error(`${name} has fewer than two records that may be written`);
        const gone = first.id.replace(/\d/g, '9');
        const intents = [first.id, gone, second.id].map((id, no) =>
          intentOf(name, id, changedValues(first.values, writes) ?? {}, `three ${no}`),
        );
        const spent = account.spent.permits;
        const outcomes = (await source.write?.(intents)) ?? [];
        expect(outcomes.map(({ state }) => state)).toEqual(['ok', 'rejected', 'ok']);
        expect(outcomes[0]).toMatchObject({ id: first.id });
        expect(outcomes[1]).toMatchObject({ retry: 'terminal' });
        expect(outcomes[2]).toMatchObject({ id: second.id });
        expect(account.spent.permits).toBeGreaterThan(spent);
        await source.close();
      },
    },
  ];
}

const intentOf = (stream: string, id: string, values: JsonObject, key: string): WriteIntent => ({
  ...{ stream, action: 'update', idempotencyKey: `conformance-${key}`, id, values, expected: null },
});

async function targetsOf(account: Account, stream: string): Promise<readonly { id: string; values: JsonObject }[]> {
  const { connector } = account;
  if (!connector.writable) throw new Error(`${connector.name} declares writes of ${stream} and has no writable()`);
  const ids = [...account.system.truth(stream).keys()].slice(0, 5);
  const source = await account.open();
  try {
    const { records, context } = await source.readIds(stream, ids);
    const parts = Map.groupBy(records, ({ parent, id }) => parent ?? id);
    return [...parts.values()].flatMap((group) => [
      ...(connector.writable?.(
        stream,
        decode(
          connector,
          group.map(({ raw }) => raw),
          context,
        ),
      ) ?? []),
    ]);
  } finally {
    await source.close();
  }
}

/** Another value for the first field that has one and may be written. */
function changedValues(values: JsonObject, writes: WriteDeclaration): JsonObject | null {
  for (const { path, type } of writes.fields) {
    const value: Json | undefined = values[path];
    if (type === 'integer' && typeof value === 'number') return { [path]: value + 1 };
    if (type === 'text' && typeof value === 'string' && /^\p{L}[\p{L} ]*$/u.test(value)) return { [path]: `${value}a` };
  }
  return null;
}
