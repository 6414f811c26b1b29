import { defineConfig } from 'vitest/config';

const SECOND = 1000;

export default defineConfig({
  test: {
    environment: 'node',
    include: ['{src,connectors,mappings,test,bench}/**/*.test.ts'],
    globalSetup: ['test/support/services.ts'],
    setupFiles: ['test/support/services/seed.ts'],
    pool: 'forks',
    // One file a core; a machine with many gains little, for the servers and PGlite need theirs.
    maxWorkers: 2,
    // Loading PGlite or starting the whole program takes seconds on two busy cores.
    testTimeout: 30 * SECOND,
    hookTimeout: 60 * SECOND,
    teardownTimeout: 20 * SECOND,
    // Chosen by hand, because vitest picks others where it believes that a machine reads along.
    reporters: ['default'],
    // The property tests of a normal run are the same every time; TEST_SEED tries others.
    env: { TEST_SEED: process.env['TEST_SEED'] ?? '20261121' },
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
  },
});
