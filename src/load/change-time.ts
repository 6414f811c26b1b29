/** Versions from here on are times. */
export const YEAR_2000 = Date.UTC(2000, 0, 1);

/** When a change happened: the source's own time where its version is one, else when it was observed. */
export const changeTime = (version: number | null, observedAt: Date, notBefore: number | null = null): number =>
  Math.max(
    version !== null && version >= YEAR_2000 && version <= observedAt.getTime() ? version : observedAt.getTime(),
    notBefore ?? 0,
  );

/**
 * Whether a version cannot tell a change from what was there in the same second: vendors that keep whole seconds say when a
 * change's second began.
 */
export const isSecondOf = (version: number | null, time: Date): boolean =>
  version !== null && version >= YEAR_2000 && version === Math.floor(time.getTime() / 1000) * 1000;
