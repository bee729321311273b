// The tests that drive the real thing: the packaged command line, and the packaged extension in a real VS Code.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 300_000,
    // A browser and an editor on a busy machine: a menu that closes under the mouse is no mistake of ours. What fails twice is.
    retry: 1,
    expect: { poll: { timeout: 10_000 } },
    projects: [
      { extends: true, test: { name: 'cli', include: ['test/e2e/cli/**/*.e2e.ts'] } },
      { extends: true, test: { name: 'workbench', include: ['test/e2e/workbench/**/*.e2e.ts'], globalSetup: ['test/e2e/serverSetup.ts'] } },
    ],
  },
});
