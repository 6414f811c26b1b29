import type { Clock, Log } from '../connector/contract.ts';

/** How long after a change it is written: what comes meanwhile goes with it. */
const BEHIND_MS = 200;

/** Where the state of budgets is kept. A place for each way of running: this process alone, the database, Redis. */
export type BudgetStore = {
  /**
   * Reads a state, changes it and writes it back as one step among all processes.
   * @param change given the state as it is (`null`: there is none); may be called again when another was quicker
   */
  update<T>(key: string, change: (state: unknown) => { readonly state: unknown; readonly result: T }): Promise<T>;
  /** All states by key, to show them. */
  all(): Promise<ReadonlyMap<string, unknown>>;
};

/** For one governor alone. */
export function memoryBudgets(): BudgetStore {
  const states = new Map<string, unknown>();
  return {
    async update(key, change) {
      const { state, result } = change(states.get(key) ?? null);
      states.set(key, state);
      return result;
    },
    all: async () => new Map(states),
  };
}

/** For a program that is alone with its store: in memory, and written behind, so that a restart knows what was spent. */
export function rememberedBudgets(
  kept: BudgetStore,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): BudgetStore & { close(): Promise<void> } {
  const memory = memoryBudgets();
  const changed = new Set<string>();
  const life = new AbortController();
  let reading: Promise<void> | null = null;
  let writing: Promise<void> | null = null;
  const read = async (): Promise<void> => {
    for (const [key, state] of await kept.all()) await memory.update(key, () => ({ state, result: null }));
  };
  /** Once; where the store was away, again. */
  const known = (): Promise<void> => {
    reading ??= read().catch((thrown: unknown) => {
      reading = null;
      throw thrown;
    });
    return reading;
  };
  const write = async (): Promise<void> => {
    while (changed.size > 0) {
      await clock.sleep(BEHIND_MS, life.signal).catch(() => undefined); // Closed: at once.
      const states = await memory.all();
      const keys = [...changed];
      changed.clear();
      for (const key of keys) await kept.update(key, () => ({ state: states.get(key) ?? null, result: null }));
    }
  };
  const writeSoon = (): void => {
    writing ??= write()
      .catch((thrown: unknown) => log.debug({ err: thrown }, 'what was spent of budgets could not be kept'))
      .finally(() => {
        writing = null;
      });
  };
  return {
    async update(key, change) {
      await known();
      const result = await memory.update(key, change);
      changed.add(key);
      writeSoon();
      return result;
    },
    async all() {
      await known();
      return memory.all();
    },
    async close() {
      life.abort();
      await writing;
    },
  };
}
