/** The predictive of each method at several sets of inputs at once (training and test), from one set of draws or in closed form. */
import { forward, forwardWithFactors } from '../network/forward.ts';
import { valueSize } from '../network/network.ts';
import type { PredictionMethod } from '../protocol/service.ts';
import { MemoryLimitError, UserError } from '../protocol/userError.ts';
import { diagonalDraws, diffusionDraws, hmcDraws, laplaceDraws, lastLayerDraws, swagDraws, variationalDraws, type DrawBlocks, type DrawSetting, type SwagOptions, type VariationalOptions } from './drawMethods.ts';
import { dropoutNodes } from './dropout.ts';
import type { Laplace } from './laplace.ts';
import { linearisedPredictive } from './linearised.ts';
import { gaussianPredictive, sampledPredictive, type Predictive } from './predictive.ts';

export interface MethodSetting extends DrawSetting {
  /** Computed once, for the methods that need it. */
  readonly laplace: () => Promise<Laplace>;
  readonly diffusionSteps: number;
  readonly dropoutRate: number | undefined;
  readonly swag: SwagOptions;
  readonly variational: VariationalOptions;
  readonly hmcWarmup: number;
  /** States of the networks of an ensemble, one after another; undefined with one network. */
  readonly ensemble: readonly Float64Array[] | undefined;
  /** Told of every draw of the weights, in order, of `of` in all; not to be changed. */
  readonly onDraw?: (state: Float64Array, draw: number, of: number) => void;
}

export interface MethodPredictive {
  /** One for each set of inputs. */
  readonly predictives: readonly Predictive[];
  /** How it came about, in a few words: "200 draws", "closed form". */
  readonly how: string;
  readonly warnings: readonly string[];
}

/** @param inputs sets of inputs, N* × d each */
export async function methodPredictive(method: PredictionMethod, setting: MethodSetting, inputs: readonly Float64Array[]): Promise<MethodPredictive> {
  const { problem: { network, likelihood }, context, draws } = setting;
  const values = inputs.reduce((sum, x) => sum + (x.length / network.inputs) * network.outputs, 0);
  const bytes = 8 * 2 * draws * values;
  if (bytes > context.memoryLimitBytes) throw new MemoryLimitError(`${draws} draws of ${values} predictions need about ${Math.ceil(bytes / 2 ** 20)} MiB, the limit is ${Math.ceil(context.memoryLimitBytes / 2 ** 20)} MiB; take fewer draws or inputs`);
  const sampled = async (blocks: DrawBlocks): Promise<MethodPredictive> => ({ predictives: await pushed(blocks, setting, inputs), how: `${draws} draws`, warnings: [] });
  switch (method) {
    case 'linearized': {
      const approximation = await setting.laplace();
      const predictives: Predictive[] = [];
      for (const x of inputs) {
        const { mean, variance } = await linearisedPredictive(approximation, x, context);
        predictives.push(gaussianPredictive(likelihood, mean, variance, network.outputs));
      }
      return { predictives, how: likelihood.kind === 'gaussian' ? 'closed form' : 'closed form, probit', warnings: [] };
    }
    case 'sampled':
      return sampled(laplaceDraws(await setting.laplace(), 'whole', setting));
    case 'projected':
      return sampled(laplaceDraws(await setting.laplace(), 'image', setting));
    case 'diffusion': {
      const { how, ...rest } = await sampled(diffusionDraws(await setting.laplace(), setting.diffusionSteps, setting));
      return { ...rest, how: `${how} of ${setting.diffusionSteps} steps` };
    }
    case 'last-layer':
      return sampled(lastLayerDraws(setting));
    case 'diagonal':
      return sampled(diagonalDraws(setting));
    case 'swag':
      return sampled(swagDraws(setting, setting.swag));
    case 'vi':
      return sampled(variationalDraws(setting, setting.variational));
    case 'hmc': {
      const warnings: string[] = [];
      const found = await sampled(hmcDraws(setting, {
        warmup: setting.hmcWarmup, maxSteps: 64, pathLength: 0.5 * Math.PI / Math.sqrt(setting.problem.priorPrecision),
        report({ acceptance, divergences }) {
          if (divergences > 0) warnings.push(`HMC met ${divergences} divergent ${divergences === 1 ? 'trajectory' : 'trajectories'}: its draws miss steep parts of the posterior; a longer warm-up may help.`);
          if (acceptance < 0.6) warnings.push(`HMC accepted only ${(100 * acceptance).toFixed(0)} % of its trajectories; a longer warm-up may help.`);
        },
      }));
      return { ...found, warnings };
    }
    case 'dropout': {
      const nodes = dropoutNodes(network, setting.dropoutRate);
      const outputs = inputs.map((x) => new Float64Array(draws * (x.length / network.inputs) * network.outputs));
      for (let s = 0; s < draws; s++) {
        const factors = new Map(nodes.map(({ node, rate }) => [node.index, Float64Array.from({ length: valueSize(node.shape) }, () => (setting.random.uniform() < rate ? 0 : 1 / (1 - rate)))]));
        inputs.forEach((x, k) => { outputs[k]!.set(forwardWithFactors(network, setting.state, x, factors), (s * outputs[k]!.length) / draws); });
        await pause(setting, s, draws);
      }
      return { predictives: outputs.map((f) => sampledPredictive(likelihood, f, draws, network.outputs)), how: `${draws} masks at rate ${[...new Set(nodes.map(({ rate }) => rate))].join(', ')}`, warnings: [] };
    }
    case 'ensemble': {
      const states = setting.ensemble;
      if (states === undefined || states.length < 2) throw new UserError('an ensemble needs at least two networks: name several files, or one with a draw axis');
      const outputs = inputs.map((x) => new Float64Array(states.length * (x.length / network.inputs) * network.outputs));
      for (const [s, state] of states.entries()) {
        setting.onDraw?.(state, s, states.length);
        inputs.forEach((x, k) => { outputs[k]!.set(forward(network, state, x), (s * outputs[k]!.length) / states.length); });
        await pause(setting, s, states.length);
      }
      return { predictives: outputs.map((f) => sampledPredictive(likelihood, f, states.length, network.outputs)), how: `${states.length} networks`, warnings: [] };
    }
  }
}

/** Every draw through the network. */
async function pushed(blocks: DrawBlocks, setting: MethodSetting, inputs: readonly Float64Array[]): Promise<Predictive[]> {
  const { problem: { network, likelihood }, draws } = setting;
  const outputs = inputs.map((x) => new Float64Array(draws * (x.length / network.inputs) * network.outputs));
  let s = 0;
  for await (const states of blocks) {
    for (let m = 0; m * network.stateSize < states.length; m++, s++) {
      const state = states.subarray(m * network.stateSize, (m + 1) * network.stateSize);
      setting.onDraw?.(state, s, draws);
      inputs.forEach((x, k) => { outputs[k]!.set(forward(network, state, x), (s * outputs[k]!.length) / draws); });
      if (s % 16 === 15) await pause(setting, s, draws);
    }
  }
  return outputs.map((f) => sampledPredictive(likelihood, f, draws, network.outputs));
}

async function pause({ context }: MethodSetting, done: number, of: number): Promise<void> {
  context.progress({ message: `Prediction of draw ${done + 1} of ${of}`, fraction: (done + 1) / of });
  await new Promise<void>((resolve) => { setImmediate(resolve); });
  context.signal.throwIfAborted();
}
