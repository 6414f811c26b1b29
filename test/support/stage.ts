/** One embedded store for a file of tests, on which each opens streams in a tenant of its own. */
import { afterAll, beforeAll } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { type Loading, type LoadingOptions, openLoading } from './loading.ts';
import { memoryStore } from './stores.ts';

export type Stage = {
  /** There from the first test on. */
  readonly store: Store;
  open(options: Omit<LoadingOptions, 'tenant'>): Promise<Loading>;
};

/** Opens the store before the tests of the file, or of the `describe` it is called in, and closes it behind them. */
export function makeStage(name: string): Stage {
  let opened: Store | null = null;
  let tenants = 0;
  const stage: Stage = {
    get store() {
      if (!opened) throw new Error('the store is opened before the first test');
      return opened;
    },
    open(options) {
      tenants += 1;
      return openLoading(stage.store, { ...options, tenant: `${name}-${tenants}` });
    },
  };
  beforeAll(async () => {
    opened = await memoryStore();
  });
  afterAll(() => opened?.close());
  return stage;
}
