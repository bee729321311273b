/** Steps of a diffusion have exactly the posterior's covariance, whichever factorisation makes them; threads walk the same draws, however many there are. */
import { describe, expect, it } from 'vitest';
import type { LikelihoodModel } from '../../../src/curvature/likelihood.ts';
import { rowCount, type CurvatureProblem } from '../../../src/curvature/problem.ts';
import { weightedRows } from '../../../src/curvature/weightedJacobian.ts';
import { seededRandom, type Random } from '../../../src/linalg/random.ts';
import { activationNamed } from '../../../src/network/activation.ts';
import { denseNetwork } from '../../../src/network/denseNetwork.ts';
import type { Network } from '../../../src/network/network.ts';
import { NetworkBuilder } from '../../../src/network/networkBuilder.ts';
import { diffusionWalks, walked, walkSeconds } from '../../../src/posterior/diffusionWalks.ts';
import { laplace } from '../../../src/posterior/laplace.ts';
import { laplaceDiffusion } from '../../../src/posterior/laplaceDiffusion.ts';
import { hasPosteriorStep, posteriorStep, stepSeconds } from '../../../src/posterior/posteriorStep.ts';
import { UserError } from '../../../src/protocol/userError.ts';
import { context } from '../analyses/workspace.ts';

function problemOf(network: Network, rows: number, likelihood: LikelihoodModel, weighed = false): CurvatureProblem {
  const random = seededRandom(11);
  return {
    network, state: random.normals(new Float64Array(network.stateSize)).map((w) => 0.7 * w), x: random.normals(new Float64Array(rows * network.inputs)), likelihood, weighting: 'likelihood',
    ...(weighed ? { sampleWeights: Float64Array.from({ length: rows }, (_, n) => n % 3) } : {}),
  };
}

const dense = (widths: readonly number[], activation = 'tanh', bias = true): Network => denseNetwork(widths, activationNamed(activation), undefined, bias);

/** One weight for two layers, a slope, a normalisation. */
function mixed(): Network {
  const builder = new NetworkBuilder();
  const shared = { tensor: 'shared', shape: [4, 4] };
  const first = builder.activation('a', builder.dense('first', builder.input([4]), shared), activationNamed('tanh'));
  const norm = builder.layernorm('norm', builder.dense('second', first, shared), 'all', true, { tensor: 'scale', shape: [4] }, { tensor: 'shift', shape: [4] }, 1e-5);
  return builder.finish(builder.dense('head', builder.prelu('slope', norm, { tensor: 'slope', shape: [4] }), { tensor: 'head', shape: [2, 4] }, { tensor: 'bias', shape: [2] }));
}

/** Gives one set of "random" numbers: a unit vector over all that are asked for in a step. */
function unit(index: number): Random {
  let asked = 0;
  return { ...seededRandom(1), normals(into) { for (let k = 0; k < into.length; k++) into[k] = asked++ === index ? 1 : 0; return into; } };
}

/** M Mᵀ where a draw is M times the normal numbers of a step. */
async function covariance(problem: CurvatureProblem, priorPrecision: number): Promise<Float64Array> {
  const { parameters: d } = problem.network;
  const step = posteriorStep({ ...problem, state: new Float64Array(0) }, priorPrecision);
  const sum = new Float64Array(d * d);
  const draw = new Float64Array(d);
  for (let k = 0; k < d + rowCount(problem); k++) {
    expect(await step(problem.state, unit(k), draw)).toBe(true);
    for (let i = 0; i < d; i++) for (let j = 0; j < d; j++) sum[i * d + j]! += draw[i]! * draw[j]!;
  }
  return sum;
}

describe('a step', () => {
  const gaussian = { kind: 'gaussian', noise: 0.4 } as const;
  it.each<[string, CurvatureProblem]>([
    ['fewer rows than parameters, by the factors of the layers', problemOf(dense([2, 5, 4, 2]), 6, gaussian)],
    ['the same without biases', problemOf(dense([2, 5, 1], 'relu', false), 4, gaussian)],
    ['a softmax and weighed inputs', problemOf(dense([3, 6, 4]), 7, { kind: 'categorical' }, true)],
    ['rows that are formed: shared weights, a normalisation, slopes', problemOf(mixed(), 5, gaussian)],
    ['as many rows that the engine factorises them', problemOf(dense([2, 20, 3]), 36, gaussian)],
    ['more rows than parameters', problemOf(dense([2, 3, 2], 'sigmoid'), 60, gaussian, true)],
    ['one weight alone', problemOf(dense([1, 1], 'linear', false), 3, gaussian)],
  ])('has the covariance (GGN + αI)⁻¹: %s', async (_, problem) => {
    const { parameters: d } = problem.network;
    const rows = new Float64Array(rowCount(problem) * d);
    weightedRows(problem, 0, problem.x.length / problem.network.inputs, rows);
    for (const priorPrecision of [0.3, 8]) {
      const sigma = await covariance(problem, priorPrecision);
      // Σ (AᵀA + αI) = I.
      let worst = 0;
      for (let i = 0; i < d; i++) {
        const product = sigma.slice(i * d, (i + 1) * d).map((entry) => priorPrecision * entry);
        for (let r = 0; r < rows.length / d; r++) {
          let along = 0;
          for (let k = 0; k < d; k++) along += sigma[i * d + k]! * rows[r * d + k]!;
          for (let k = 0; k < d; k++) product[k]! += along * rows[r * d + k]!;
        }
        product.forEach((entry, k) => { worst = Math.max(worst, Math.abs(entry - (k === i ? 1 : 0))); });
      }
      expect(worst).toBeLessThan(1e-9);
    }
  });

  it('says when α is lost beside the GGN, and a walk then takes spectra', async () => {
    for (const problem of [problemOf(dense([2, 5, 2]), 4, gaussian), problemOf(dense([2, 3, 1]), 60, gaussian)]) {
      const into = new Float64Array(problem.network.parameters);
      expect(await posteriorStep(problem, 1e-6)(problem.state, seededRandom(1), into)).toBe(true);
      expect(await posteriorStep(problem, 1e-13)(problem.state, seededRandom(1), into)).toBe(false);
      const state = await laplaceDiffusion({ problem, priorPrecision: 1e-13 }, { steps: 2, part: 'whole', sense: 'ito' }, context)(seededRandom(2));
      expect(state.every(Number.isFinite)).toBe(true);
    }
  });

  it('is left to spectra where its matrices would be too large, and expected to take longer the more it has to do', () => {
    expect(hasPosteriorStep(problemOf(dense([2, 50, 1]), 100, gaussian), 'whole')).toBe(true);
    expect(hasPosteriorStep(problemOf(dense([2, 50, 1]), 100, gaussian), 'kernel')).toBe(false);
    expect(hasPosteriorStep(problemOf(dense([2, 3000, 3000, 10]), 1000, gaussian), 'whole')).toBe(false);
    const seconds = [10, 100, 1000].map((rows) => stepSeconds(problemOf(dense([2, 50, 50, 2]), rows, gaussian)));
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
  });
});

describe('walks in threads', () => {
  const problem = problemOf(dense([1, 8, 8, 1]), 12, { kind: 'gaussian', noise: 0.2 });
  const seeds = Array.from({ length: 23 }, (_, k) => 1000 + k);
  const collected = async (draws: AsyncGenerator<Float64Array>): Promise<number[][]> => {
    const states: number[][] = [];
    for await (const state of draws) states.push([...state]);
    return states;
  };
  const threads = (count: number, part: 'whole' | 'kernel', signal = context.signal, at = problem): Promise<number[][]> => collected(walked({ problem: at, priorPrecision: 2 }, { steps: 6, part }, seeds, count, { ...context, signal }, () => undefined));

  it('are the same to the last bit in one thread and in three, in the order of their seeds', async () => {
    for (const part of ['whole', 'kernel'] as const) {
      const one = await threads(1, part);
      expect(one).toHaveLength(seeds.length);
      expect(new Set(one.map(String)).size).toBe(seeds.length);
      expect(await threads(3, part)).toEqual(one);
    }
  });

  it('are those of the walk itself', async () => {
    const [start, walks] = [await laplace(problem, 2, context), await threads(2, 'whole')];
    const here = await collected(diffusionWalks(start, { steps: 6, part: 'whole' }, seeds, context));
    here.forEach((state, m) => { state.forEach((w, i) => { expect(Math.abs(w - walks[m]![i]!)).toBeLessThan(1e-9); }); });
  });

  it('end with the signal, and with the sentence of what stopped one', async () => {
    const controller = new AbortController();
    const running = threads(2, 'kernel', controller.signal);
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    const broken = { ...problem, state: problem.state.map(() => 1.7e308) };
    const failure = await threads(2, 'whole', context.signal, broken).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as UserError).message).toMatch(/^the network’s output for x\[0\] is/);
  });

  it('are said to take as long as their steps, none of which is the first', () => {
    expect(walkSeconds(problem, 'whole', 1)).toBe(0);
    expect(walkSeconds(problem, 'whole', 21) / walkSeconds(problem, 'whole', 11)).toBeCloseTo(2, 12);
    expect(walkSeconds(problem, 'kernel', 11)).toBeGreaterThan(0);
  });
});
