/** A backend that is away fails every attempt in the same way; the log says so once, and once when it is back. */
import type { Log } from '../connector/contract.ts';
import { storable } from './text.ts';

export type CauseLog = {
  failed(thrown: unknown): void;
  recovered(): void;
};

export function causeLog(log: Log, backend: string): CauseLog {
  let attempts = new Map<string, number>();
  return {
    failed(thrown) {
      const cause = causeOf(thrown);
      const seen = attempts.get(cause) ?? 0;
      attempts.set(cause, seen + 1);
      if (seen === 0)
        log.warn({ backend, cause }, 'queue: the backend does not do what it should; work goes on when it does');
    },
    recovered() {
      if (attempts.size === 0) return;
      const failures = [...attempts.values()].reduce((sum, count) => sum + count, 0);
      attempts = new Map();
      log.info({ backend, failures }, 'queue: the backend answers again');
    },
  };
}

/** Numbers and ids differ from attempt to attempt; the cause does not. */
function causeOf(thrown: unknown): string {
  const error = thrown instanceof AggregateError && thrown.errors.length > 0 ? thrown.errors[0] : thrown;
  const message = error instanceof Error ? error.message || error.name : String(error);
  return storable(message).replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<id>');
}
