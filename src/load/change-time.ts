/** Versions from here on are times. */
export const YEAR_2000 = Date.UTC(2000, 0, 1);

/** When a change happened: the source's own time where its version is one, else when it was observed. */
export const changeTime = (version: number | null, observedAt: Date): number =>
  version !== null && version >= YEAR_2000 && version <= observedAt.getTime() ? version : observedAt.getTime();
