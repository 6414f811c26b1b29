/**
 * A vendor system that runs on this machine: a real server on a real socket, with a seeded shop in it. The sandbox and the
 * tests use the same one.
 */
import type { Clock, Json, JsonObject } from '../connector/contract.ts';
import type { Faults } from './faults.ts';
import type { World } from './world.ts';

export type SystemOptions = {
  readonly world: World;
  readonly clock: Clock;
  /** How much faster than the vendor: durations are divided by it, limits multiplied. @defaultValue 1 */
  readonly speed?: number;
  /** @defaultValue a free one */
  readonly port?: number;
  readonly faults?: Faults;
  /** What `save()` gave; absent: the world as it is seeded. */
  readonly saved?: Json;
};

/** What somebody does in a vendor's shop. `sku` names the variant or, in a CRM, the e-mail address of a person. */
export type SandboxAction = {
  readonly kind: 'buy' | 'edit' | 'delete' | 'restock';
  readonly sku: string;
  /** Units bought, or there after restocking. @defaultValue 1 */
  readonly quantity?: number;
};

/**
 * A change by a test. `id` is the external id as the connector normalises it. `marker` is a text that ends up in a field of the
 * record (`marker()` reads it back out of a decoded one).
 */
export type Change =
  | { readonly kind: 'create'; readonly stream: string; readonly marker: string; readonly stamp?: Stamp }
  | {
      readonly kind: 'update';
      readonly stream: string;
      readonly id: string;
      readonly marker: string;
      readonly stamp?: Stamp;
    }
  | { readonly kind: 'delete'; readonly stream: string; readonly id: string; readonly stamp?: Stamp };

/**
 * Times of a change that differ from now: a transaction that committed late is `at` one time and seen at a later one. They
 * are by the clock that the system was opened with, which its own may differ from.
 */
export type Stamp = { readonly at?: Date; readonly visibleAt?: Date };

/** A change with its times by a clock that is off by so much: the system's own. */
export function onOwnClock(change: Change, skewMs: number): Change {
  const own = (time: Date | undefined) => (time ? new Date(time.getTime() + skewMs) : null);
  const [at, visibleAt] = [own(change.stamp?.at), own(change.stamp?.visibleAt)];
  return { ...change, stamp: { ...(at ? { at } : {}), ...(visibleAt ? { visibleAt } : {}) } };
}

/** One answered request, as tests and benches count them. */
export type RequestRecord = {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** In the vendor's own unit (points, calls). */
  readonly cost: number;
  readonly at: Date;
};

/** What every system of the sandbox has. */
export type RunningSystem = {
  /** Address without a slash at its end. */
  readonly url: string;
  /** What tributary.yaml says of a connection to it, `connector` and credentials included, without `streams`. */
  readonly settings: JsonObject;
  /** @throws RangeError `what is not; what there is instead`, when the SKU is unknown or nobody can do that there */
  act(action: SandboxAction): Promise<void>;
  /** Everything it holds, to go on with after a restart. */
  save(): Json;
  close(): Promise<void>;
};

/** One whose records tests change, and know all of. */
export type VendorSystem = RunningSystem & {
  readonly name: string;
  /** Streams (as the connector names them) that `change` and `truth` know. */
  readonly streams: readonly string[];
  /** Resolves with the external id. */
  change(change: Change): Promise<string>;
  /** What a perfect reader would know now: markers of all records that are there, by external id. */
  truth(stream: string): ReadonlyMap<string, string>;
  /** The marker in a decoded record of the connector. */
  marker(stream: string, record: Json): string;
  readonly requests: readonly RequestRecord[];
  /** Resolves when no webhook is under way any more; absent: the system has none. */
  delivered?(): Promise<void>;
};
