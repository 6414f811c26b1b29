/** Safeties that can be taken away, to see that the soak would notice. */
export const SAFETIES = ['fence', 'checkpoint', 'dedup'] as const;
export type Safety = (typeof SAFETIES)[number];

/** The statement that every page begins with. */
export const FENCE = /^\s*update run set seq = seq \+ 1/;

type Change = {
  readonly of: RegExp;
  /** What the statement says instead; `null`: it is committed before the transaction it belongs to. */
  readonly to: string | null;
};

export type Alteration = {
  /** Said once, before anything else. */
  readonly first: string | null;
  readonly changes: readonly Change[];
  /** How often each change was made: never means that the product's statements have changed and this file has not. */
  readonly made: number[];
};

/** What takes a safety away. */
export function without(safety: Safety): Alteration {
  const alteration = (changes: readonly Change[], first: string | null = null): Alteration => ({
    first,
    changes,
    made: changes.map(() => 0),
  });
  switch (safety) {
    // Whoever comes may write, whatever its epoch and sequence.
    case 'fence':
      return alteration([
        {
          of: /(update run set seq = seq \+ 1[^$]*where id = \$\d+ and )lease_epoch = (\$\d+) and seq = (\$\d+) and state = 'running'/,
          to: '$1$2::bigint is not null and $3::bigint is not null',
        },
      ]);
    // The stream's cursor is written before the data of its page.
    case 'checkpoint':
      return alteration([{ of: /^\s*update stream set next_no = /, to: null }]);
    // What is stored is not found again, neither by content nor by external id.
    case 'dedup':
      return alteration(
        [
          {
            of: /(r\.state, r\.scope,[^;]* join record r on) (r\.stream_id = \$\d+ and r\.external_id = key)/,
            to: '$1 false and $2',
          },
          { of: /(from record r where) (stream_id = \$\d+ and no >= )/, to: '$1 false and $2' },
        ],
        'drop index if exists record_external',
      );
  }
}
