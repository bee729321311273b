// Draws in planes of weight space: laws of projections, against the log-posterior, the linearised network and the group.
import { describe, expect, it } from 'vitest';
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import { forward } from '../../../src/network/forward.ts';
import { curvatureOf, laplaceDraws } from '../../../src/posterior/drawMethods.ts';
import { laplace, standardNormal, type Laplace } from '../../../src/posterior/laplace.ts';
import { linearisedOutputs } from '../../../src/posterior/linearised.ts';
import { logPosterior, type PosteriorProblem } from '../../../src/posterior/logPosterior.ts';
import { LossSurface } from '../../../src/posterior/lossSurface.ts';
import { componentPlane, imageKernelPlane, parameterPlane } from '../../../src/posterior/planes.ts';
import { coordinates, drawKeeper, projections as orNone, type ProjectionQuestion, type Projections } from '../../../src/posterior/projections.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import { canonicaliseMany } from '../../../src/symmetry/canonicalDraws.ts';
import type { CanonicalOptions } from '../../../src/symmetry/canonicalForm.ts';
import { applyElement, randomElement } from '../../../src/symmetry/groupAction.ts';
import { symmetryGroup } from '../../../src/symmetry/group.ts';

const context: JobContext = { signal: new AbortController().signal, progress: () => undefined, memoryLimitBytes: 2 ** 30 };
const canonical: CanonicalOptions = { scaling: 'unit', sign: 'fixed', permutation: 'sorted', countBiases: false };
const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

async function projections(question: ProjectionQuestion, job: JobContext): Promise<Projections> {
  const found = await orNone(question, job);
  if (found === undefined) throw new Error('too large');
  return found;
}

interface Case {
  readonly problem: PosteriorProblem;
  readonly mode: Float64Array;
  readonly model: Laplace;
}

async function networkCase(activation: string, rows = 9): Promise<Case> {
  const network = denseNetwork([2, 5, 3], activationNamed(activation));
  const random = seededRandom(5);
  const problem: PosteriorProblem = { network, x: standardNormal(2 * rows, random), targets: Float64Array.from({ length: rows }, (_, n) => n % 3), likelihood: { kind: 'categorical' }, priorPrecision: 1.5 };
  const mode = standardNormal(network.parameters, random);
  return { problem, mode, model: await laplace(curvatureOf({ problem, state: mode }), problem.priorPrecision, context) };
}

async function drawsOf({ problem, mode, model }: Case, part: 'whole' | 'image', draws: number, random: Random): Promise<Float64Array> {
  const blocks: Float64Array[] = [];
  for await (const block of laplaceDraws(model, part, { problem, state: mode, draws, random, context })) blocks.push(block);
  return blocks[0]!;
}

async function questionOf(example: Case, more: Partial<ProjectionQuestion> = {}): Promise<ProjectionQuestion> {
  const { problem, mode } = example;
  return {
    problem, mode, parameters: [15, 16], canonical, seed: 3,
    methods: [{ method: 'sampled', states: await drawsOf(example, 'whole', 60, seededRandom(1)) }, { method: 'projected', states: await drawsOf(example, 'image', 60, seededRandom(2)) }],
    curvature: (state) => laplace(curvatureOf({ problem, state }), problem.priorPrecision, context), ...more,
  };
}

describe('the loss over a plane', () => {
  it('is the log-posterior evaluated directly', async () => {
    const { problem, mode } = await networkCase('tanh');
    const surface = new LossSurface(problem, mode, 1000, seededRandom(0));
    const plane = parameterPlane(mode, problem.network.parameters, [3, 11]);
    const gradient = new Float64Array(problem.network.parameters);
    const at = (state: Float64Array): number => -logPosterior(problem, state, gradient).value;
    for (const [a, b] of [[0.3, -0.7], [2, 5], [-1, 0.1]] as const) {
      const moved = mode.slice();
      moved[3] = a;
      moved[11] = b;
      const here = surface.at(plane, a, b);
      here.forEach((value, i) => { expect(value).toBeCloseTo(moved[i]!, 14); });
      expect(surface.rise(here)).toBeCloseTo(at(moved) - at(mode), 10);
    }
    expect(surface.rise(mode)).toBe(0);
    // Bins are evaluated many at a time: the middle of each is what it is alone.
    const [xAxis, yAxis] = [{ min: -1, max: 2, bins: 31 }, { min: -2, max: 1, bins: 21 }];
    const values = await surface.over(plane, xAxis, yAxis, context.signal);
    for (const [ix, iy] of [[0, 0], [30, 0], [7, 13], [30, 20]] as const) {
      const value = values[iy * 31 + ix] ?? Number.NaN;
      expect(Math.abs(value / surface.rise(surface.at(plane, -1 + ((ix + 0.5) * 3) / 31, -2 + ((iy + 0.5) * 3) / 21)) - 1)).toBeLessThan(1e-9);
    }
    await expect(surface.over(plane, xAxis, yAxis, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });

  it('of a part of the inputs is scaled up, and is null where outputs are not finite', async () => {
    const { problem, mode } = await networkCase('relu', 60);
    const part = new LossSurface(problem, mode, 20, seededRandom(0));
    expect(part.inputs).toBe(20);
    // Halves of all rows that repeat: any 20 of 60 equal rows say what all say.
    const same: PosteriorProblem = { ...problem, x: Float64Array.from(problem.x, (_, k) => problem.x[k % 2]!), targets: problem.targets.map(() => 1) };
    const moved = mode.map((value) => 1.1 * value);
    expect(new LossSurface(same, mode, 20, seededRandom(0)).rise(moved)).toBeCloseTo(new LossSurface(same, mode, 60, seededRandom(0)).rise(moved), 10);
    const plane = parameterPlane(mode, problem.network.parameters, [0, 15]);
    const wide = { min: -1e200, max: 1e200, bins: 3 };
    const values = await part.over(plane, wide, wide, context.signal);
    // Only ŵ's own bin is within the numbers.
    expect(values.map((value) => value === null)).toEqual([true, true, true, true, false, true, true, true, true]);
  });
});

describe('planes', () => {
  it('principal components hold the variance that the projections have', async () => {
    const example = await networkCase('tanh');
    for (const count of [20, 200]) {
      const states = await drawsOf(example, 'whole', count, seededRandom(8));
      const size = example.problem.network.parameters;
      const plane = await componentPlane(states, size, 0, context);
      if (plane === undefined) throw new Error('no plane');
      expect(dot(plane.x, plane.x)).toBeCloseTo(1, 10);
      expect(dot(plane.x, plane.y)).toBeCloseTo(0, 8);
      const { share, x, y } = coordinates(plane, example.mode, states);
      expect(share).toBeCloseTo(plane.explained[0] + plane.explained[1], 8);
      // Uncorrelated, the first with the larger variance.
      const centred = (values: Float64Array): Float64Array => values.map((value) => value - values.reduce((a, b) => a + b, 0) / count);
      const [cx, cy] = [centred(x), centred(y)];
      expect(Math.abs(dot(cx, cy)) / dot(cx, cx)).toBeLessThan(1e-6);
      expect(dot(cx, cx)).toBeGreaterThanOrEqual(dot(cy, cy));
    }
  });

  it('along the kernel the linearised network does not change, along the image it does', async () => {
    const example = await networkCase('tanh');
    const { problem, mode, model } = example;
    const plane = await imageKernelPlane(model, problem, 1, context);
    if (plane === undefined) throw new Error('no plane');
    expect(dot(plane.x, plane.y)).toBeCloseTo(0, 10);
    const loss = (direction: Float64Array, step: number): number => {
      const f = linearisedOutputs(model.problem, direction.map((value) => step * value), problem.x);
      // Of the softmax likelihood, which does not see a common shift of the logits.
      let sum = 0;
      for (let n = 0; n < problem.targets.length; n++) {
        const row = f.subarray(3 * n, 3 * n + 3);
        sum += Math.log(row.reduce((total, value) => total + Math.exp(value), 0)) - row[problem.targets[n]!]!;
      }
      return sum;
    };
    const still = loss(plane.x, 0);
    for (const step of [0.1, 1, 5]) expect(loss(plane.x, step)).toBeCloseTo(still, 9);
    expect(Math.abs(loss(plane.y, 1) - still)).toBeGreaterThan(0.1);
    // The network itself bends away.
    const f = forward(problem.network, mode, problem.x);
    const bent = forward(problem.network, mode.map((value, i) => value + plane.x[i]!), problem.x);
    expect(Math.max(...bent.map((value, k) => Math.abs(value - f[k]!)))).toBeGreaterThan(0.05);
  });

  it('of image and kernel there is none without a kernel', async () => {
    const network = denseNetwork([1, 1], activationNamed('linear'));
    const problem: PosteriorProblem = { network, x: Float64Array.of(1, 2, 3), targets: Float64Array.of(1, 2, 3), likelihood: { kind: 'gaussian', noise: 1 }, priorPrecision: 1 };
    const state = Float64Array.of(1, 0);
    expect(await imageKernelPlane(await laplace(curvatureOf({ problem, state }), 1, context), problem, 0, context)).toBeUndefined();
  });
});

describe('projections', () => {
  it('have the shares of variance that the parts have, and the same numbers by seed', async () => {
    const example = await networkCase('relu');
    const question = await questionOf(example);
    const found = await projections(question, context);
    expect(found.planes.map(({ kind, stage }) => `${kind} ${stage}`)).toEqual(['drawn', 'removed'].flatMap((stage) => ['image-kernel', 'components', 'own-components', 'parameters'].map((kind) => `${kind} ${stage}`)));
    const [sampled, projected] = found.draws;
    expect(projected?.kernelShare).toBeCloseTo(0, 12);
    expect(sampled?.kernelShare).toBeGreaterThan(0.3);
    // Projected draws do not move along the kernel.
    const plane = found.planes.find(({ kind }) => kind === 'image-kernel');
    expect(Math.max(...plane!.methods[1]!.x.map(Math.abs))).toBeLessThan(1e-10);
    expect(plane!.surfaces).toHaveLength(1);
    expect(found.planes.find(({ kind }) => kind === 'own-components')!.surfaces).toHaveLength(2);
    // A component plane of all draws holds at least as much of them as any other.
    for (const { methods, stage } of found.planes) for (const { share } of methods) expect(share, stage).toBeLessThanOrEqual(1 + 1e-12);
    expect(await projections(question, context)).toEqual(found);
  });

  it('canonical draws are the same functions, and symmetric draws fall on each other', async () => {
    for (const activation of ['relu', 'tanh']) {
      const example = await networkCase(activation);
      const { network } = example.problem;
      const states = await drawsOf(example, 'whole', 40, seededRandom(6));
      const group = symmetryGroup(network);
      const random = seededRandom(9);
      const moved = new Float64Array(states.length);
      for (let m = 0; m < 40; m++) {
        const copy = states.slice(m * network.stateSize, (m + 1) * network.stateSize);
        applyElement(network, copy, randomElement(group, random));
        moved.set(copy, m * network.stateSize);
      }
      expect(states.some((value, k) => Math.abs(value - moved[k]!) > 1e-3)).toBe(true);
      const { planes } = await projections(await questionOf(example, { methods: [{ method: 'a', states }, { method: 'b', states: moved }] }), context);
      for (const { kind, stage, methods: [a, b] } of planes) {
        const apart = Math.max(...a!.x.map((value, m) => Math.hypot(value - b!.x[m]!, a!.y[m]! - b!.y[m]!)));
        const spread = Math.max(...a!.x.map((value) => Math.abs(value - a!.x[0]!)), ...a!.y.map((value) => Math.abs(value - a!.y[0]!)));
        if (kind === 'own-components') continue;
        if (stage === 'removed') expect(apart / spread, `${activation} ${kind}`).toBeLessThan(1e-9);
        else expect(apart / spread, `${activation} ${kind}`).toBeGreaterThan(0.01);
      }
      const copies = states.slice();
      await canonicaliseMany(network, copies, canonical, context);
      for (let m = 0; m < 40; m++) {
        const [before, after] = [states, copies].map((all) => forward(network, all.subarray(m * network.stateSize, (m + 1) * network.stateSize), example.problem.x)) as [Float64Array, Float64Array];
        before.forEach((value, k) => { expect(after[k]).toBeCloseTo(value, 8); });
      }
    }
  });

  it('show the background where it is: the value in the middle of a bin', async () => {
    const example = await networkCase('tanh');
    const { planes } = await projections(await questionOf(example, { canonical: undefined }), context);
    const plane = planes.find(({ kind }) => kind === 'parameters')!;
    const { xAxis, yAxis } = plane;
    const gradient = new Float64Array(example.mode.length);
    const energy = (state: Float64Array): number => -logPosterior(example.problem, state, gradient).value;
    for (const [ix, iy] of [[0, 0], [3, xAxis.bins - 1], [7, 5]] as const) {
      const moved = example.mode.slice();
      moved[15] = xAxis.min + ((ix + 0.5) * (xAxis.max - xAxis.min)) / xAxis.bins;
      moved[16] = yAxis.min + ((iy + 0.5) * (yAxis.max - yAxis.min)) / yAxis.bins;
      expect(plane.surfaces[0]![iy * xAxis.bins + ix]).toBeCloseTo(energy(moved) - energy(example.mode), 8);
    }
    expect(plane.origin).toEqual([example.mode[15], example.mode[16]]);
  });

  it('are left out for a network that is too large to be evaluated so often', async () => {
    const network = denseNetwork([400, 4000, 400], activationNamed('tanh'));
    const state = new Float64Array(network.parameters);
    const problem: PosteriorProblem = { network, x: new Float64Array(400 * 64), targets: new Float64Array(400 * 64), likelihood: { kind: 'gaussian', noise: 1 }, priorPrecision: 1 };
    expect(await orNone({ problem, mode: state, methods: [], parameters: [0, 1], curvature: () => Promise.resolve(undefined), canonical: undefined, seed: 0 }, context)).toBeUndefined();
  });

  it('keep evenly spaced draws of many', () => {
    const keeper = drawKeeper(2);
    for (let m = 0; m < 1000; m++) keeper.add(Float64Array.of(m, 0), m, 1000);
    const kept = keeper.states().filter((_, k) => k % 2 === 0);
    expect(keeper.count()).toBe(400);
    expect(new Set(kept).size).toBe(400);
    kept.slice(1).forEach((value, k) => { expect(value - kept[k]!).toBeLessThanOrEqual(3); });
  });
});
