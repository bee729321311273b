/** Each example is written and then used as its own README says: every command that stands there ends well, on the files that stand there. */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { exampleNames } from '../../../src/protocol/service.ts';
import { temporaryFolder } from '../analyses/workspace.ts';

/** What only somebody in front of the page can do or see. */
const OF_THE_PAGE = /\b(click|select|drag|zoom|hover|dashed|diagonal|legend|colou?rs?|shaded|the curve rises|curve’s|behind the draws|below the axis|in the page|this page|a row is|flat is)\b/i;

const result = async (...argv: readonly string[]): Promise<Record<string, unknown>> => JSON.parse(await printed(...argv, '--json')) as Record<string, unknown>;

async function printed(...argv: readonly string[]): Promise<string> {
  let [stdout, stderr] = ['', ''];
  const code = await main(argv, { stdout: { write: (text) => { stdout += text; } }, stderr: { write: (text) => { stderr += text; } }, signal: new AbortController().signal });
  expect(code, `${argv.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

/** The commands of a README, on absolute paths, without the page, which needs the bundle, and with few draws. */
function commandsOf(readme: string, files: readonly string[], folder: string): string[][] {
  return readme.split('\n').filter((line) => line.startsWith('    quotient ')).map((line) => {
    const words = line.trim().split(' ').slice(1).map((word) => (files.includes(word) ? path.join(folder, word) : word));
    const page = words.indexOf('--html');
    const shorter = page < 0 ? words : words.toSpliced(page, 2);
    const out = shorter.indexOf('--out');
    return [...(out < 0 ? shorter : shorter.with(out + 1, path.join(folder, 'out'))), ...(words[0] === 'predict' ? ['--draws', '8'] : [])];
  });
}

it.each(exampleNames)('%s', { timeout: 300_000 }, async (name) => {
  const folder = await temporaryFolder();
  const written = await result('example', name, '--out', folder, '--networks', '200');
  const files = await readdir(folder);
  expect((written['files'] as string[]).map((file) => path.basename(file)).sort()).toEqual(files.sort());
  const commands = commandsOf(await readFile(path.join(folder, 'README.md'), 'utf8'), files, folder);
  expect(commands.length).toBeGreaterThan(1);
  for (const argv of commands) {
    for (const word of argv) if (/\.(npz|safetensors)$/.test(word)) expect(files).toContain(path.basename(word));
    expect(OF_THE_PAGE.exec(await printed(...argv))?.[0], argv.join(' ')).toBeUndefined();
  }
  const network = path.join(folder, 'network.safetensors');
  expect(await result('inspect', network)).toMatchObject({ files: [expect.objectContaining({ format: 'safetensors' })] as unknown });
  expect(await result('canonicalize', network, '--out', path.join(folder, 'again'))).toBeTruthy();
  const canonical = path.join(folder, 'again/network.canonical.safetensors');
  // By a path that knows nothing of the canonical form: the same function, in other weights.
  expect(await result('compare', network, canonical)).toMatchObject({ sameFunction: expect.stringMatching(/^(yes|up-to-symmetry)$/) as unknown });
  await result('align', network, canonical, '--out', path.join(folder, 'aligned'), '--restarts', '0');
});
