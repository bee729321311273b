/**
 * The main job from a fresh checkout: writes the two-neuron example, trained on the spot, analyses its posterior, and leaves the report as
 * one HTML file. With `--serve` it also opens the example in a real VS Code in the browser, with the extension installed.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { mustRun, root } from './run.ts';

const { values } = parseArgs({ options: { serve: { type: 'boolean', default: false } } });
const folder = 'quotient-demo';
const report = `${folder}/report.html`;

await mustRun('bundle', []);
await rm(path.join(root, folder), { recursive: true, force: true });
await mustRun('cli', ['example', 'two-neurons', '--out', folder]);
await mustRun('cli', ['posterior', `${folder}/draws.npz`, '--html', report]);
console.log(`\nThe report with its interactive plots: ${report}\n  ${pathToFileURL(path.join(root, report)).href}`);
if (values.serve) await serve();
else console.log('\nThe same in VS Code, in your browser: npm run demo -- --serve');

async function serve(): Promise<void> {
  await import('./package.ts');
  const { installServer } = await import('../test/e2e/installServer.ts');
  const { startServer } = await import('../test/e2e/server.ts');
  const installed = await installServer(console.log);
  const server = await startServer(installed, { vsix: [path.join(root, 'out/quotient.vsix')] });
  console.log(`\n${installed.version} with Quotient and the example, until Ctrl-C:\n  ${server.workbench(path.join(root, folder))}\n  password: ${server.password}`);
  await new Promise<void>((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
  await server.stop();
}
