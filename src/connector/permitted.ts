import { TributaryError } from '../errors.ts';
import type { ConnectionContext, TrafficClass } from './contract.ts';

/** What a call takes of which budget. */
type Spent = { readonly cost: number; readonly trafficClass: TrafficClass; readonly budget?: string | undefined };

/**
 * Makes a call when it may be made, and tells the budget when it was answered or has failed: until then it is in flight. A pause
 * that the vendor asked for holds for everybody who shares the budget.
 */
export async function permitted<T>(
  context: Pick<ConnectionContext, 'permit' | 'observeLimits'>,
  { cost, trafficClass, budget }: Spent,
  call: () => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  await context.permit(cost, trafficClass, budget, over.signal);
  try {
    return await call();
  } catch (thrown) {
    if (thrown instanceof TributaryError && thrown.code === 'ERR_CONNECTOR_LIMITED' && thrown.notBefore)
      context.observeLimits({ window: 'pause', notBefore: thrown.notBefore, ...(budget ? { budget } : {}) });
    throw thrown;
  } finally {
    over.abort();
  }
}
