// Every surface of the extension as people see it, in four themes and in a narrow panel; run by build/pictures.ts with --surfaces.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    fileParallelism: false,
    testTimeout: 400_000,
    hookTimeout: 300_000,
    include: ['test/e2e/surfaces/**/*.surface.ts'],
    globalSetup: ['test/e2e/serverSetup.ts'],
  },
});
