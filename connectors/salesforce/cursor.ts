/** Where reading goes on. Every cursor is enough for another process, weeks later. */
import { type Cursor, z } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';

/** Times are ISO texts; `bound`, `since`, `end` and the like by the org's clock, `began` by ours. */
const begun = {
  began: z.string(),
  /** Changes are read on from here; rows made before it are counted. */
  bound: z.string(),
  /** Rows read so far that were made before `bound`. */
  counted: z.number(),
};
const rest = {
  since: z.string(),
  /** The delete log is read on from here. */
  deletesSince: z.string(),
  /** How far the org's clock was ahead of ours. */
  skewMs: z.number(),
};

const shape = z.discriminatedUnion('phase', [
  /** Everything, by id, through the REST API. */
  z.object({ phase: z.literal('all'), after: z.string().nullable(), ...begun }),
  /** Everything, out of a job of the Bulk API. */
  z.object({ phase: z.literal('bulk'), job: z.string(), locator: z.string().nullable(), read: z.number(), ...begun }),
  /** Between two passes. */
  z.object({ phase: z.literal('changes'), ...rest }),
  /** Within a window of changes: from `low` or behind `after` up to `until`, and on to `end`. */
  z.object({
    phase: z.literal('window'),
    ...rest,
    low: z.string(),
    until: z.string(),
    end: z.string(),
    after: z.object({ at: z.string(), id: z.string() }).nullable(),
  }),
  /** The window is read; its deletes up to `after` as well, as the log had them when it was known up to `covered`. */
  z.object({
    phase: z.literal('deletes'),
    ...rest,
    end: z.string(),
    after: z.string().nullable(),
    covered: z.string().nullable().default(null),
  }),
  /** Everything again, a slice at a time: `left` pages of this one. */
  z.object({ phase: z.literal('sweep'), after: z.string().nullable(), left: z.number() }),
]);

export type Spot = z.infer<typeof shape>;
export type Spotted<Phase extends Spot['phase']> = Extract<Spot, { phase: Phase }>;

export function readCursor(cursor: Cursor | null): Spot | null {
  if (cursor === null) return null;
  const parsed = shape.safeParse(cursor);
  if (parsed.success) return parsed.data;
  throw new TributaryError('ERR_CONNECTOR_PROTOCOL', 'The cursor of the stream is none of this connector.', {
    remedy: 'Reset the stream: its next run reads everything.',
  });
}
