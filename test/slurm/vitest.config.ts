/** @file `npm run test:slurm`: tests on a real cluster, apart from the others since they need Slurm and wait for it. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.test.ts'],
    // Generous limits: a node is down half a minute after it died, a time limit is a minute and more.
    testTimeout: 400_000,
    hookTimeout: 240_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
