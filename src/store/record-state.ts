/** States of `record.state`. */
export const RECORD_STATE = { live: 1, filtered: 2, dead: 3, deleted: 4 } as const;
