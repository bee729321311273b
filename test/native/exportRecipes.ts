/**
 * The recipes of docs/export.md, for real: `npm run recipes [-- PYTHON…]` runs each with the framework that it is for, and asks the built command line about the file that it wrote. A network
 * 3-5-2 with ReLU is made before each recipe, and the targets are its own outputs; read rightly, they are predicted
 * without error up to float32. Every PYTHON (default python3) runs
 * the recipes whose frameworks it has; a framework that none has is named, and is no failure.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const root = path.join(import.meta.dirname, '../..');
const run = promisify(execFile);
const pythons = process.argv.length > 2 ? process.argv.slice(2) : ['python3'];
/** Outputs of size one in the frameworks' own precision. */
const FLOAT32 = 1e-6;

/** Makes `model`, `x` and `y`, and whatever else the recipes under a heading take for granted. */
const preludes = {
  'PyTorch': `
import numpy as np, torch
torch.manual_seed(0)
make = lambda: torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
model, ensemble, x = make(), [make() for _ in range(12)], torch.randn(20, 3)
y = model(x).detach()
`,
  'JAX and Flax': `
import numpy as np, jax, flax.linen as nn
x = np.random.default_rng(0).standard_normal((20, 3)).astype("float32")
model = nn.Sequential([nn.Dense(5, bias_init=nn.initializers.normal()), nn.relu, nn.Dense(2, bias_init=nn.initializers.normal())])
params = model.init(jax.random.PRNGKey(0), x)
y = np.asarray(model.apply(params, x))
`,
  'Keras': `
import numpy as np, keras
keras.utils.set_random_seed(0)
model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(5, activation="relu", bias_initializer="random_normal"), keras.layers.Dense(2)])
x = np.random.default_rng(0).standard_normal((20, 3)).astype("float32")
y = model.predict(x, verbose=0)
`,
} as const;

const text = await readFile(path.join(root, 'docs/export.md'), 'utf8');
const data = /```python\n(np\.savez\("data\.npz"[^]*?)```/.exec(text)?.[1] ?? '';
let [passed, failed, skipped] = [0, 0, 0];
for (const [heading, prelude] of Object.entries(preludes)) {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? '';
  const recipes = [...section.matchAll(/```python\n([^]*?)```/g)].map(([, recipe = '']) => recipe);
  if (recipes.length === 0) throw new Error(`docs/export.md has no recipe under "${heading}"`);
  for (const recipe of recipes) {
    const lines = recipe.trim().split('\n');
    const file = /"((?:net|draws)\.\w+)"/.exec(recipe)?.[1] ?? '';
    const outcome = lines.length > 3 ? `is ${lines.length} lines long` : await tried(prelude, recipe, file);
    if (outcome === undefined) passed++;
    else if (outcome.startsWith('skipped')) skipped++;
    else failed++;
    console.log(`${heading.padEnd(14)} ${file.padEnd(18)} ${outcome ?? 'as the framework computes it'}`);
  }
}
console.log(`\nrecipes: ${passed} passed, ${failed} failed, ${skipped} skipped`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

/** Undefined when the file is what the recipe says; otherwise what is wrong. */
async function tried(prelude: string, recipe: string, file: string): Promise<string | undefined> {
  const absent: string[] = [];
  for (const python of pythons) {
    const folder = await mkdtemp(path.join(tmpdir(), 'quotient-recipe-'));
    try {
      await run(python, ['-c', `${prelude}\n${recipe}\n${data}`], { cwd: folder });
      return await verdict(folder, file);
    } catch (error) {
      const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim().split('\n').at(-1) ?? '' : String(error);
      const missing = /No module named '([^']+)'|Module (\w+) is not installed/.exec(said);
      if (missing === null) return said;
      absent.push(missing[1] ?? missing[2] ?? '');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return `skipped: ${pythons.join(', ')} without ${[...new Set(absent)].join(', ')}`;
}

async function verdict(folder: string, file: string): Promise<string | undefined> {
  const asked = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
    const { stdout } = await run(process.execPath, [path.join(root, 'dist/cli.mjs'), ...args, '--activation', 'relu', '--json'], { cwd: folder, maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as Record<string, unknown>;
  };
  if (file.startsWith('draws')) {
    const { draws } = await asked('posterior', file);
    return draws === 12 ? undefined : `${String(draws)} draws, not 12`;
  }
  const { methods } = await asked('predict', file, '--data', 'data.npz', '--method', 'last-layer', '--draws', '2') as { readonly methods: { readonly map: { readonly rmse: number } } };
  return methods.map.rmse < FLOAT32 ? undefined : `outputs are ${methods.map.rmse} off`;
}
