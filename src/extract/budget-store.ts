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

/** For a program that is alone with its store. */
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
