/** Brings what an outgoing mapping made to the types that the stream written to declares. */
import type { DeclaredField, Json, JsonObject, WriteDeclaration } from '../connector/contract.ts';
import { describeFault, Fault } from './fault.ts';
import { asBoolean, asDate, asDecimal, asInteger, asList, asObject, asText, asTimestamp } from './runtime.ts';
import type { RecordProblem } from './types.ts';

const READERS: Readonly<Record<DeclaredField['type'], (value: Json) => Json | Fault>> = {
  text: asText,
  integer: asInteger,
  decimal: asDecimal,
  boolean: asBoolean,
  timestamp: asTimestamp,
  date: asDate,
  json: (value) => (Array.isArray(value) ? value : asObject(value)),
  list: asList,
};

/** Values in the declared types, or every reason why they do not fit. `isNew`: what a create needs must be there. */
export function fitValues(
  values: JsonObject,
  target: WriteDeclaration,
  isNew: boolean,
): { readonly values: JsonObject } | { readonly problems: readonly RecordProblem[] } {
  const problems: RecordProblem[] = [];
  const problem = (field: string, code: string, message: string): void =>
    void problems.push({ field: `write.${field}`, pointer: field, code, message });
  const fitted = Object.entries(values).flatMap(([name, value]): [string, Json][] => {
    const declared = target.fields.find((one) => one.path === name);
    if (declared === undefined) {
      problem(name, 'unknown-field', 'the vendor has no such field to be written');
      return [];
    }
    const made = value === null ? null : READERS[declared.type](value);
    if (!(made instanceof Fault)) return [[name, made]];
    problem(name, made.code, describeFault(made, true));
    return [];
  });
  for (const name of isNew ? target.requiredOnCreate : [])
    if ((values[name] ?? null) === null) problem(name, 'required', 'the vendor creates nothing without a value');
  return problems.length > 0 ? { problems } : { values: Object.fromEntries(fitted) };
}
