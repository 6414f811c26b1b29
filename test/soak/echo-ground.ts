/** What the parts of the echo soak share: the program, the clock, chance, and the vendor systems. */
import type { App } from '../../src/app.ts';
import type { Random } from '../../src/sandbox/random.ts';
import type { VendorSystem } from '../../src/sandbox/system.ts';
import type { SoakClock } from './hostile-clock.ts';

export type SystemName = 'salesforce' | 'hubspot' | 'hubspot-customers' | 'shopify' | 'woocommerce';
export type Systems = Readonly<Record<SystemName, VendorSystem>>;

export type Ground = {
  readonly app: App;
  readonly clock: SoakClock;
  readonly random: Random;
  readonly systems: Systems;
  /** Folder of its mappings. */
  readonly mappings: string;
  /** When each stream was read, by `connection/stream`. */
  readonly reads: Map<string, number[]>;
};

/** Something that is known here and in several systems, and changes in each. */
export type Subject = {
  /** Somebody changes one of it somewhere. `number` is that of the change, so that no two say the same. */
  change(number: number): Promise<void>;
  /** Where a side does not know what the policy wants it to, once everything was read and told. */
  problems(): Promise<string[]>;
};
