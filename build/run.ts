/** Runs the programs that the scripts are made of: our own and those of the development dependencies, all on the Node that runs the script. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * How `vsce` packs the extension. The bundles hold their dependencies. The README's pictures and links are relative, which is right in a checkout; once package.json
 * names a repository, vsce turns them into addresses of its files, as a marketplace needs them. Without one they stay.
 */
const { repository } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { readonly repository?: unknown };
export const packaging = ['package', '--no-dependencies', ...(repository === undefined ? ['--allow-missing-repository', '--no-rewrite-relative-links'] : []), '--out', 'out/quotient.vsix'] as const;

/** JavaScript entry points below the repository's root. */
export const programs = {
  asc: 'node_modules/assemblyscript/bin/asc.js',
  bundle: 'build/bundle.mjs',
  cli: 'dist/cli.mjs',
  eslint: 'node_modules/eslint/bin/eslint.js',
  knip: 'node_modules/knip/bin/knip.js',
  tsc: 'node_modules/typescript/bin/tsc',
  vitest: 'node_modules/vitest/vitest.mjs',
  vsce: 'node_modules/@vscode/vsce/vsce',
} as const;

/** Runs one with our own input and output, in the repository's root or in `folder`; resolves to its exit code. */
export async function run(program: keyof typeof programs, args: readonly string[], env: NodeJS.ProcessEnv = {}, folder = root): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(root, programs[program]), ...args], { cwd: folder, stdio: 'inherit', env: { ...process.env, ...env } });
    child.once('error', reject);
    child.once('close', (code) => { resolve(code ?? 1); });
  });
}

/** Runs one that has to succeed. */
export async function mustRun(program: keyof typeof programs, args: readonly string[], folder = root): Promise<void> {
  const code = await run(program, args, {}, folder);
  if (code === 0) return;
  console.error(`${program} ${args.join(' ')}: ended with ${code}`);
  process.exit(code);
}
