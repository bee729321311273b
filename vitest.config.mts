import { defineConfig } from 'vitest/config';

export default defineConfig({
  // The bundler puts the real one in; see build/bundle.mjs.
  define: { QUOTIENT_VERSION: JSON.stringify('0.0.0-test') },
  test: {
    globalSetup: './build/kernels.ts',
    include: ['test/unit/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
