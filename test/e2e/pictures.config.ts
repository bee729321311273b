// The pictures of the docs that show windows of VS Code; run by build/pictures.ts.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 300_000,
    include: ['test/e2e/pictures/**/*.picture.ts'],
    globalSetup: ['test/e2e/serverSetup.ts'],
  },
});
