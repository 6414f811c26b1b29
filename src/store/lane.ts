/** Statements of one transaction, one after another on its connection, also when they are asked for at once. */
export type Lane = {
  /** Runs when everything before it has. After a failure nothing runs any more; all that follows fails with the first error. */
  run<T>(statement: () => Promise<T>): Promise<T>;
  /** Resolves when all are through. */
  end(): Promise<void>;
};

export function openLane(): Lane {
  let tail: Promise<void> = Promise.resolve();
  let failure: { readonly error: unknown } | null = null;
  return {
    run(statement) {
      const turn = tail.then(() => {
        if (failure) throw failure.error;
        return statement();
      });
      tail = turn.then(
        () => undefined,
        (error: unknown) => {
          failure ??= { error };
        },
      );
      return turn;
    },
    async end() {
      await tail;
      if (failure) throw failure.error;
    },
  };
}
