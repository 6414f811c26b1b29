/** Pages out of rows. */
import type { Cursor, Page } from '../../src/connector/index.ts';
import type { Rows } from './records.ts';

export const NOTHING: Rows = { records: [], tombstones: [], problems: [] };

type Made = Rows & {
  readonly next: Cursor | null;
  readonly window: Page['window'];
  readonly observedAt: Date;
  readonly complete?: boolean;
  readonly notBefore?: Date;
  readonly afterCommit?: () => Promise<void>;
};

export function pageOf(made: Made): Page {
  return { complete: false, expected: null, notBefore: null, context: {}, ...made };
}
