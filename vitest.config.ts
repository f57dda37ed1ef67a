import { defineConfig } from 'vitest/config';

/**
 * Two projects: `hermetic` needs nothing but Node; `real` uses the programs that people use (terraform, aws, bwrap …)
 * and skips by name what is not on the machine.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'hermetic',
          include: ['{src,scripts,bench}/**/*.test.ts', 'test/{support,bin,cli,canary,docs}/**/*.test.ts'],
          testTimeout: 30_000,
          // Most of them wait for processes, not for a core.
          maxWorkers: 4,
          // A process for each file would be a fifth of all work. No test may leave anything behind in its own.
          isolate: false,
        },
      },
      {
        test: {
          name: 'real',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 240_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
