/** Engines of every kind, so that what holds for one is held for all: both builds of the kernels, one thread and two. */
import { Engine } from '../../../src/linalg/engine/engine.ts';
import type { Build } from '../../../src/linalg/engine/kernels.ts';

export const engines = (['relaxed', 'plain'] as const satisfies Build[]).flatMap((build) =>
  [1, 2].map((threads) => ({ name: `${build} SIMD, ${threads} thread${threads === 1 ? '' : 's'}`, build, threads, engine: Engine.start({ build, threads }) })));

export async function stopEngines(): Promise<void> {
  for (const { engine } of engines) await (await engine).stop();
}
