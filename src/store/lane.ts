/** Statements of one transaction: sent as they are asked for, answered in that order on its connection. */
export type Lane = {
  /** After a failure nothing is sent any more; all that follows it fails with the first error. */
  run<T>(statement: () => Promise<T>): Promise<T>;
  /** Does not wait for the answer; its failure is told by the next statement, or at the end. */
  send(statement: () => Promise<unknown>): void;
  /** Resolves when all are through. */
  end(): Promise<void>;
};

export function openLane(): Lane {
  const failed: { error: unknown }[] = [];
  let last: Promise<void> = Promise.resolve();
  const check = (): void => {
    if (failed[0]) throw failed[0].error;
  };
  async function run<T>(statement: () => Promise<T>): Promise<T> {
    check();
    const answer = statement();
    // What was sent behind a failure fails as well, because the server has given the transaction up.
    const settled = answer.then(
      () => undefined,
      (error: unknown) => void failed.push({ error }),
    );
    last = settled;
    await settled;
    check();
    return answer;
  }
  return {
    run,
    send: (statement) => void run(statement).catch(() => undefined),
    async end() {
      await last;
      check();
    },
  };
}
