/** The predictive of each method at several sets of inputs at once (training and test), from one set of draws or in closed form. */
import { forwardWithFactors } from '../network/forward.ts';
import { forwardDraws } from '../network/forwardDraws.ts';
import { valueSize } from '../network/network.ts';
import { formatCountOf, formatNumber } from '../protocol/format.ts';
import type { PredictionMethod } from '../protocol/service.ts';
import { MemoryLimitError, UserError } from '../protocol/userError.ts';
import { bayesianLastLayer } from './bayesianLastLayer.ts';
import { curvatureOf, diagonalDraws, diffusionDraws, hmcDraws, laplaceDraws, lastLayerDraws, sourceDraws, swagDraws, swagTrajectory, variationalDraws, type DrawBlocks, type DrawSetting, type SwagOptions, type VariationalOptions } from './drawMethods.ts';
import type { DrawSource } from './draws.ts';
import { dropoutNodes } from './dropout.ts';
import { gaussianDraws, trajectoryGaussian } from './gaussianDraws.ts';
import type { Laplace } from './laplace.ts';
import { linearisedOutputs, linearisedPredictive } from './linearised.ts';
import { swagLearningRate } from './swagRate.ts';
import { gaussianPredictive, sampledPredictive, type Predictive } from './predictive.ts';

export interface MethodSetting extends DrawSetting {
  /** Computed once, for the methods that need it. */
  readonly laplace: () => Promise<Laplace>;
  readonly diffusionSteps: number;
  readonly dropoutRate: number | undefined;
  readonly swag: Omit<SwagOptions, 'learningRate' | 'rise'>;
  readonly variational: VariationalOptions;
  readonly hmcWarmup: number;
  /** The files: a network, or draws of a posterior. */
  readonly source: DrawSource;
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

/** Of Hamiltonian Monte Carlo, and the fewest draws of one that can be compared with the others. */
const HMC_CHAINS = 4;
const HMC_FEWEST = 4;

/** @param inputs sets of inputs, N* × d each */
export async function methodPredictive(method: PredictionMethod, setting: MethodSetting, inputs: readonly Float64Array[]): Promise<MethodPredictive> {
  const { problem: { network, likelihood }, context, draws } = setting;
  const values = inputs.reduce((sum, x) => sum + (x.length / network.inputs) * network.outputs, 0);
  const most = Math.max(draws, method === 'ensemble' ? setting.source.count : 0);
  const bytes = 8 * 2 * most * values;
  if (bytes > context.memoryLimitBytes) throw new MemoryLimitError(`${most} draws of ${values} predictions need about ${Math.ceil(bytes / 2 ** 20)} MiB, the limit is ${Math.ceil(context.memoryLimitBytes / 2 ** 20)} MiB; take fewer draws or inputs`);
  const sampled = async (blocks: DrawBlocks | Generator<Float64Array>, of = ''): Promise<MethodPredictive> => ({ predictives: await pushed(blocks, setting, inputs, draws, undefined), how: `${draws} draws${of}`, warnings: [] });
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
    case 'linearized-sampled':
      return { predictives: await pushedLinearised(laplaceDraws(await setting.laplace(), 'whole', setting), setting, inputs), how: `${draws} draws of the linearised network`, warnings: [] };
    case 'sampled':
      return sampled(laplaceDraws(await setting.laplace(), 'whole', setting));
    case 'projected':
      return sampled(laplaceDraws(await setting.laplace(), 'image', setting));
    case 'diffusion':
    case 'diffusion-image':
    case 'diffusion-kernel': {
      const part = method === 'diffusion' ? 'whole' : method === 'diffusion-image' ? 'image' : 'kernel';
      return sampled(diffusionDraws(await setting.laplace(), setting.diffusionSteps, part, setting), ` of ${setting.diffusionSteps} steps`);
    }
    case 'last-layer':
      return sampled(lastLayerDraws(setting));
    case 'bayesian-last-layer': {
      const { posterior, features } = await bayesianLastLayer(curvatureOf(setting), setting.problem.targets, setting.problem.priorPrecision, context);
      const predictives: Predictive[] = [];
      for (const x of inputs) {
        const { mean, variance } = await linearisedPredictive(posterior, features(x), context);
        predictives.push(gaussianPredictive(likelihood, mean, variance, network.outputs));
      }
      return { predictives, how: 'closed form', warnings: [] };
    }
    case 'diagonal':
      return sampled(diagonalDraws(setting));
    case 'swag': {
      const { source } = setting;
      if (source.origin.kind === 'swag') return sampled(sourceDraws(source), ' of the moments in the files');
      if (source.origin.kind !== 'networks' || source.count === 1) {
        const { moments, learningRate, rise, stayed } = await swagTrajectory(setting, { ...setting.swag, ...await swagLearningRate(setting.problem, setting.state, curvatureOf(setting), setting.swag, context) });
        const of = `, ${setting.swag.epochs} epochs of SGD at the learning rate ${formatNumber(learningRate, 2)}, −log posterior ${formatNumber(Math.abs(rise), 2)} nats ${rise < 0 ? 'below' : 'above'} ŵ’s on average`;
        const predicted = await sampled(swagDraws(moments, setting), of);
        return stayed ? predicted : { ...predicted, warnings: [`SWAG’s trajectory left the mode: it lies ${formatNumber(rise, 2)} nats above ŵ on average, more than draws of the posterior do. Its draws are of another region.`] };
      }
      const fitted = await trajectoryGaussian(source, setting.swag.rank, async (read) => { await pause(setting, read - 1, source.count); });
      const seed = setting.random.below(2 ** 31);
      return sampled(sourceDraws(gaussianDraws(network, [fitted], { draws, seed, origin: source.origin })), ` of the moments of ${source.count} networks, in their order`);
    }
    case 'vi':
      return setting.source.origin.kind === 'mean-field' ? sampled(sourceDraws(setting.source), ' of the Gaussian in the files') : sampled(variationalDraws(setting, setting.variational), `, fitted in ${setting.variational.steps} steps`);
    case 'hmc': {
      const warnings: string[] = [];
      const each = Math.max(HMC_FEWEST, Math.ceil(draws / HMC_CHAINS));
      const blocks = hmcDraws(setting, {
        chains: HMC_CHAINS, draws: each, warmup: setting.hmcWarmup, maxSteps: 64, pathLength: 0.5 * Math.PI / Math.sqrt(setting.problem.priorPrecision),
        report(chains) {
          const divergences = chains.reduce((sum, chain) => sum + chain.divergences, 0);
          const acceptance = Math.min(...chains.map((chain) => chain.acceptance));
          if (divergences > 0) warnings.push(`HMC met ${formatCountOf(divergences, 'divergent trajectory', 'divergent trajectories')}: its draws miss steep parts of the posterior; more draws, which warm up for longer, may help.`);
          if (acceptance < 0.6) warnings.push(`A chain of HMC accepted only ${formatNumber(100 * acceptance, 2)} % of its trajectories; more draws, which warm up for longer, may help.`);
        },
      });
      return { predictives: await pushed(blocks, setting, inputs, HMC_CHAINS * each, HMC_CHAINS), how: `${HMC_CHAINS} chains of ${each} draws, each from a draw of the prior and after ${setting.hmcWarmup} trajectories of warm-up`, warnings };
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
      const { source } = setting;
      if (source.origin.kind !== 'networks') throw new UserError('the files hold a Gaussian over weights, not networks; take swag, vi or dropout');
      if (source.count < 2) throw new UserError('an ensemble needs at least two networks: name several files or a folder, or one file with a draw axis');
      const chains = source.chains > 1 ? source.chains : undefined;
      const how = chains === undefined ? `${source.count} networks` : `${chains} chains of ${source.drawsPerChain} draws`;
      return { predictives: await pushed(sourceDraws(source), setting, inputs, source.count, chains), how, warnings: [] };
    }
  }
}

/** Every draw through the network. @param chains when the draws of a chain depend on each other */
async function pushed(blocks: DrawBlocks | Generator<Float64Array>, setting: MethodSetting, inputs: readonly Float64Array[], draws: number, chains: number | undefined): Promise<Predictive[]> {
  const { problem: { network, likelihood } } = setting;
  const outputs = inputs.map((x) => new Float64Array(draws * (x.length / network.inputs) * network.outputs));
  let s = 0;
  for await (const states of blocks) {
    const count = states.length / network.stateSize;
    for (let m = 0; m < count; m++) setting.onDraw?.(states.subarray(m * network.stateSize, (m + 1) * network.stateSize), s + m, draws);
    for (const [k, x] of inputs.entries()) outputs[k]!.set(await forwardDraws(network, states, x, setting.context.signal), (s * outputs[k]!.length) / draws);
    s += count;
    await pause(setting, s - 1, draws);
  }
  return outputs.map((f) => sampledPredictive(likelihood, f, draws, network.outputs, chains));
}

/** Every draw through the network linearised at ŵ. */
async function pushedLinearised(blocks: DrawBlocks, setting: MethodSetting, inputs: readonly Float64Array[]): Promise<Predictive[]> {
  const { problem: { network, likelihood }, draws, state: mode } = setting;
  const outputs = inputs.map((x) => new Float64Array(draws * (x.length / network.inputs) * network.outputs));
  let s = 0;
  for await (const states of blocks) {
    const count = states.length / network.stateSize;
    const moves = Float64Array.from({ length: count * network.parameters }, (_, k) => states[Math.floor(k / network.parameters) * network.stateSize + (k % network.parameters)]! - mode[k % network.parameters]!);
    for (let m = 0; m < count; m++, s++) {
      setting.onDraw?.(states.subarray(m * network.stateSize, (m + 1) * network.stateSize), s, draws);
      inputs.forEach((x, k) => { outputs[k]!.set(linearisedOutputs(curvatureOf(setting), moves.subarray(m * network.parameters, (m + 1) * network.parameters), x), (s * outputs[k]!.length) / draws); });
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
