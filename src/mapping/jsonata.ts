/**
 * The escape hatch. JSONata 2 only evaluates asynchronously, and a mapping is a plain function; so the library runs in
 * a context of its own whose microtasks are drained, and whose time is bounded, by V8 itself.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createContext, Script, type Context as VmContext } from 'node:vm';
import type { Json, JsonObject } from '../connector/contract.ts';
import { Fault } from './fault.ts';

/** Longest one evaluation may take. */
const MAX_MS = 250;
const MAX_RESULT = 1_000_000;

const EVALUATE = new Script(
  `out = undefined; failure = undefined;
   (compiled[expression] ??= jsonata(expression)).evaluate(JSON.parse(input), JSON.parse(bindings))
     .then((result) => { out = result === undefined ? undefined : JSON.stringify(result); }, (error) => { failure = String(error.message); });`,
);

let shared: VmContext | null = null;

function context(): VmContext {
  if (shared !== null) return shared;
  // Reading the library's own file is part of loading this module, as an import is.
  const source = readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8');
  const made = createContext(
    { compiled: {} },
    { microtaskMode: 'afterEvaluate', codeGeneration: { strings: false, wasm: false } },
  );
  new Script(`var exports = {}, module = { exports }; ${source}\n;var jsonata = module.exports;`).runInContext(made);
  shared = made;
  return made;
}

/** Evaluates an expression over the record; `@name` values are `$name`. */
export function runJsonata(expression: string, input: Json | undefined, page: JsonObject): Json | Fault | undefined {
  const sandbox = context();
  Object.assign(sandbox, { expression, input: JSON.stringify(input ?? null), bindings: JSON.stringify(page) });
  try {
    EVALUATE.runInContext(sandbox, { timeout: MAX_MS });
  } catch (thrown) {
    // A stopped evaluation may leave the context in any state.
    shared = null;
    const isTimeout = thrown instanceof Error && 'code' in thrown && thrown.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
    return new Fault(
      'jsonata',
      isTimeout
        ? `JSONata took longer than ${MAX_MS} ms`
        : `JSONata failed: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    );
  }
  const { out, failure } = sandbox;
  if (typeof failure === 'string') return new Fault('jsonata', `JSONata failed: ${failure}`);
  if (typeof out !== 'string') return undefined;
  return out.length > MAX_RESULT
    ? new Fault('jsonata', 'JSONata made more than a million characters')
    : JSON.parse(out);
}

/** What is wrong with an expression before it runs, or `null`. */
export function jsonataFault(expression: string): string | null {
  const sandbox = context();
  Object.assign(sandbox, { expression });
  try {
    new Script(
      'fault = null; try { jsonata(expression) } catch (error) { fault = String(error.message) }',
    ).runInContext(sandbox, { timeout: MAX_MS });
    return typeof sandbox['fault'] === 'string' ? sandbox['fault'] : null;
  } catch {
    shared = null;
    return 'it cannot be read';
  }
}
