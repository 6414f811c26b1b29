/** Safeties that can be taken away, to see that the soak would notice. */
export const SAFETIES = ['fence', 'checkpoint', 'dedup'] as const;
export type Safety = (typeof SAFETIES)[number];

/** The statement that every page begins with. */
export const FENCE = /^\s*update run set seq = seq \+ 1/;

export type Alteration = {
  /** A statement as it is sent instead. */
  readonly rewrite?: (text: string) => string;
  /** Statements that are committed before the transaction they belong to. */
  readonly before?: RegExp;
  /** Said once, before anything else. */
  readonly first?: string;
  /** How often a statement was altered: none means that the product's statements have changed and this file has not. */
  applied: number;
};

/** What takes a safety away. */
export function without(safety: Safety): Alteration {
  switch (safety) {
    // Whoever comes may write, whatever its epoch and sequence.
    case 'fence':
      return {
        applied: 0,
        rewrite: (text) =>
          FENCE.test(text)
            ? text
                .replace(/lease_epoch = (\$\d+)/, '$1::bigint is not null')
                .replace(/ seq = (\$\d+)/, ' $1::bigint is not null')
                .replace("state = 'running'", 'true')
            : text,
      };
    // The stream's cursor is written before the data of its page.
    case 'checkpoint':
      return { applied: 0, before: /^\s*update stream set next_no = / };
    // What is stored is not found again, neither by content nor by external id.
    case 'dedup':
      return {
        applied: 0,
        first: 'drop index if exists record_external',
        rewrite: (text) =>
          text
            .replace(/(from record r join page p on p\.id = r\.page_id\s+where) /, '$1 false and ')
            .replace(/(from record r where stream_id = \$\d+ and no >= )/, (_, start: string) =>
              start.replace('where ', 'where false and '),
            ),
      };
  }
}
