/** Before the end-to-end tests: one VS Code server with the packaged extension installed, for all of them; after them, its end. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { chromium } from '../../build/chromium.ts';
import { installServer } from './installServer.ts';
import { startServer } from './server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly server: { readonly url: string; readonly password: string; readonly processId: number };
    /** Path of the browser. */
    readonly chromium: string;
    /** Whether the server can fill the Output panel. */
    readonly hasOutput: boolean;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const browser = await chromium(console.log);
  if ('missing' in browser) throw new Error(browser.missing);
  const installed = await installServer(console.log);
  await mkdir('out', { recursive: true });
  const vsix = process.env['QUOTIENT_VSIX'] ?? 'out/quotient.vsix';
  const server = await startServer(installed, { vsix: [vsix], logFile: path.resolve('out/server.log') });
  project.provide('server', { url: server.url, password: server.password, processId: server.processId });
  project.provide('chromium', browser.path);
  project.provide('hasOutput', installed.withoutOutput === undefined);
  return () => server.stop();
}
