import { describe, expect, it } from 'vitest';
import { checkMapping } from '../../src/mapping/check.ts';
import { makeMapping, makeRecord, seededRandom } from './generate.ts';
import { interpret, reduceResult } from './interpreter.ts';

const SEED = Number(process.env['TEST_SEED'] ?? 20_261_121);
const MAPPINGS = Number(process.env['MAPPINGS'] ?? 250);
const RECORDS = 12;

describe(`generated mappings and records (TEST_SEED=${SEED})`, () => {
  it('map as the plain interpreter does, and explain the same values', { timeout: 600_000 }, () => {
    let compared = 0;
    const kinds: Record<string, number> = {};
    for (let at = 0; at < MAPPINGS; at += 1) {
      const random = seededRandom(SEED + at);
      const text = makeMapping(random);
      const { mapping, parsed, problems } = checkMapping(text, 'generated.yaml', null);
      if (mapping === null || parsed === null) {
        // Generated files may break a rule about types; they must never break the reader.
        expect(
          problems.filter((problem) => problem.severity === 'error'),
          text,
        ).not.toEqual([]);
        continue;
      }
      for (let count = 0; count < RECORDS; count += 1) {
        const record = makeRecord(random, mapping.groupBy !== null);
        const context = { page: {}, position: 1 };
        const result = mapping.map(record, context);
        const place = `SEED=${SEED + at}\n${text}\n${JSON.stringify(record)}`;
        expect(reduceResult(result), place).toEqual(interpret(parsed, record, {}));
        const watched = mapping.watch(record, context);
        expect(watched.result, place).toEqual(result);
        compareTrace(result, mapping.trace(record, context), place);
        compared += 1;
        kinds[result.kind] = (kinds[result.kind] ?? 0) + 1;
      }
    }
    // Most generated files must pass the checks, else this compares little.
    expect(compared).toBeGreaterThan((MAPPINGS * RECORDS) / 3);
    for (const kind of ['mapped', 'rejected'])
      expect(kinds[kind] ?? 0, JSON.stringify(kinds)).toBeGreaterThan(compared / 20);
  });
});

type Result = ReturnType<NonNullable<ReturnType<typeof checkMapping>['mapping']>['map']>;
type Traces = ReturnType<NonNullable<ReturnType<typeof checkMapping>['mapping']>['trace']>;

/** Every value of the result is in the trace, every empty field of the trace has a reason. */
function compareTrace(result: Result, traces: Traces, place: string): void {
  for (const trace of traces)
    if (trace.value === null) expect(trace.reason, `${place}\n${JSON.stringify(trace)}`).not.toBeNull();
  if (result.kind !== 'mapped') return;
  for (const output of result.entities) {
    const traced = Object.fromEntries(
      traces
        .filter((trace) => trace.output === output.key && trace.value !== null)
        .map((trace) => [trace.field, trace.value]),
    );
    const mapped = Object.fromEntries(Object.entries(output.values).filter(([, value]) => value !== null));
    expect(traced, place).toEqual(mapped);
  }
}
