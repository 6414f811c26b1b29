import { writeFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

/** What a run came to. A file or hook that broke outside of a test counts as a failed test. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Writes the counts of a run to the file named by TRIBUTARY_TEST_COUNTS. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const counts: Counts = { passed: 0, failed: unhandled.length, skipped: 0 };
    for (const module of modules) {
      counts.failed += module.errors().length;
      for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state !== 'pending') counts[state]++;
      }
    }
    const file = process.env['TRIBUTARY_TEST_COUNTS'];
    if (file) writeFileSync(file, JSON.stringify(counts));
  }
}
