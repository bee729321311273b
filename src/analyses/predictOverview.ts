/** What a posterior predictive starts from: the files, the data, prior and noise, ŵ and whether it is a mode. */
import path from 'node:path';
import { effectiveDimension, type Laplace } from '../posterior/laplace.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { FiguresSection } from '../protocol/report.ts';
import { showName } from '../weights/weightFileError.ts';
import { describeNetwork } from './describeNetwork.ts';
import { methodNames } from './methodNames.ts';
import type { MethodResult } from './methodResults.ts';
import { worstDiagnostics } from './posteriorTables.ts';
import type { Prediction } from './predictReport.ts';

/** What the files hold, and what stands for a single network where one is needed. */
function filesFigure({ source, request }: Prediction): { readonly label: string; readonly value: string; readonly detail: string } {
  const { origin, count, chains, drawsPerChain } = source;
  const files = request.files.length === 1 ? showName(path.basename(request.files[0]!)) : `${formatCount(request.files.length)} files`;
  switch (origin.kind) {
    case 'networks':
      if (count === 1) return { label: 'Files', value: 'one network', detail: `${files}; it is ŵ` };
      return { label: 'Files', value: chains > 1 ? `${formatCount(chains)} chains of ${formatCount(drawsPerChain)} draws` : `${formatCount(count)} networks`, detail: `${files}; where one network is needed, ŵ is the first` };
    case 'swag':
      return { label: 'Files', value: 'SWAG’s moments', detail: `${files}; ŵ is their mean` };
    case 'mean-field':
      return { label: 'Files', value: 'a mean-field Gaussian', detail: `${files}; ŵ is its mean` };
    case 'dropout':
      return { label: 'Files', value: 'a network with dropout', detail: `${files}; ŵ is the network without` };
  }
}

function trainedFigures({ trained }: Prediction): { readonly label: string; readonly value: string; readonly detail: string }[] {
  if (trained === undefined) return [];
  return [{ label: 'Trained on', value: `${formatCount(trained.epochs)} epochs`, detail: `${trained.optimizer}; the loss of an input went from ${formatNumber(trained.before, 4)} to ${formatNumber(trained.after, 4)}` }];
}

function modeFigures({ mode, problem }: Prediction): { readonly label: string; readonly value: string; readonly detail: string }[] {
  if (mode === undefined) return [];
  return [
    { label: 'Gain of a Newton step', value: `${formatNumber(mode.gain, 3)} nats`, detail: `of log posterior; 0 at a mode of prior precision ${formatNumber(problem.priorPrecision, 3)}` },
    { label: 'Lowest curvature', value: formatNumber(mode.lowestCurvature, 3), detail: `of −log p(w | D) in any direction, ± ${formatNumber(mode.lowestCurvatureError, 2)}; positive at a mode${mode.lowestCurvature < 0 ? `. That way there are ${formatNumber(mode.descent, 2)} nats to gain` : ''}` },
  ];
}

/** In closed form, or of as many networks as there are. */
const withoutDraws: ReadonlySet<MethodResult['method']> = new Set(['ensemble', 'linearized', 'bayesian-last-layer', 'map']);

export function overview(prediction: Prediction): FiguresSection {
  const { network, source, data, problem, chosen, laplace, request, methods } = prediction;
  const { likelihood, priorPrecision } = problem;
  const by = chosen?.maximum === undefined ? 'as set' : 'by maximising the evidence';
  return {
    kind: 'figures', id: 'overview', title: 'Posterior', meaning: methods.filter(({ method }) => method !== 'ensemble').length > 1 ? 'Every method that starts from ŵ has the same ŵ, prior and noise here, so that what differs is the approximation alone.' : '',
    figures: [
      { label: 'Network', value: describeNetwork(network), detail: `${formatCount(network.parameters)} parameters, from ${showName(path.basename(source.origin.source))}` },
      filesFigure(prediction),
      ...trainedFigures(prediction),
      { label: 'Training data', value: formatCount(data.rows), detail: `${showName(path.basename(data.source))}${data.sampleWeights === undefined ? '' : ', weighted'}` },
      { label: 'Likelihood', value: likelihood.kind, ...(likelihood.kind === 'gaussian' ? { detail: `noise ${formatNumber(likelihood.noise, 4)} ${by}` } : {}) },
      { label: 'Prior precision', value: formatNumber(priorPrecision, 4), detail: by },
      ...(laplace === undefined ? [] : [
        { label: 'Rank of the GGN', value: formatCount(laplace.rank.rank), detail: `of ${formatCount(network.parameters)}; kernel ${formatCount(network.parameters - laplace.rank.rank)}` },
        { label: 'Effective dimension', value: formatNumber(effectiveDimension(laplace), 4), detail: 'Σ λ/(λ+α)' },
      ]),
      ...(chosen === undefined ? [] : [
        { label: 'Log marginal likelihood', value: formatNumber(chosen.evidence.logMarginalLikelihood, 6), detail: 'Laplace, at ŵ' },
        { label: 'Gradient of the log posterior', value: formatNumber(chosen.evidence.gradientNorm), detail: 'at ŵ; 0 at a mode' },
      ]),
      ...modeFigures(prediction),
      ...(methods.some(({ method }) => !withoutDraws.has(method)) ? [{ label: 'Draws', value: formatCount(request.draws), detail: 'of each method that samples, each with random numbers of its own' }] : []),
    ],
  };
}

/** Nats that a Newton step may promise at what still counts as a mode: so much the draws of a posterior differ from each other anyway. */
const MODE_GAIN = 1;
/** The same along the direction of lowest curvature. */
const SADDLE_GAIN = 0.1;

/** A share of the prior's variance that no draw shows. */
const NOTHING = 1e-3;

/**
 * Whether a direction counts as image or as kernel makes a difference of λ/(λ + α) of the prior's variance along it; where that is next to nothing for
 * every direction that the bracket leaves open, so is the question.
 */
function uncertainRank({ rank: { rank, bracket: [least, most] }, spectrum: { eigenvalues }, priorPrecision }: Laplace): string[] {
  if (least === most) return [];
  const share = eigenvalues[least]! / (eigenvalues[least]! + priorPrecision);
  if (!(share > NOTHING)) return [];
  return [`The rank is not certain: it lies between ${formatCount(least)} and ${formatCount(most)}, and ${formatCount(rank)} directions count as image here. Of those in between the data take away up to ${formatNumber(100 * share, 2)} % of the prior’s variance, so that the projected and the kernel parts depend on it; sampled and linearised Laplace do not. A larger prior precision makes the difference smaller.`];
}

/** Of predictions; Vehtari et al. (2021) want 1.01 of long chains, some dozen draws are not so exact. */
const LARGEST_RHAT = 1.1;

/** Chains that do not agree on what the data are. */
function apart({ chains }: Prediction): string[] {
  return chains.flatMap(({ method, stages }) => {
    const { rhat } = worstDiagnostics(stages.find(({ id }) => id === 'predictions')?.diagnostics ?? []);
    return rhat !== null && rhat > LARGEST_RHAT ? [`The chains ${method === 'ensemble' ? 'in the files' : `of ${methodNames[method]}`} do not agree on the predictions at the training inputs (R̂ up to ${formatNumber(rhat, 3)}, 1 when they do): their mean is no posterior predictive yet. ${method === 'hmc' ? 'Take more draws, which warm up for longer as well.' : 'They need more draws.'}`] : [];
  });
}

export function warnings(prediction: Prediction): string[] {
  const { chosen, source, request, laplace, mode, methods, leftOut, projectionsOmitted } = prediction;
  const { maximum } = chosen ?? {};
  const remedy = request.train === undefined ? 'Train on with this prior (--train EPOCHS; in the settings quotient.predict.trainEpochs), or choose the prior precision with which the network was trained.' : 'Train for longer, or choose the prior precision with which the network was trained.';
  return [
    ...(mode !== undefined && mode.gain > MODE_GAIN ? [`ŵ is not a mode of this posterior: a Newton step promises ${formatNumber(mode.gain, 3)} nats more log posterior (its gradient has norm ${formatNumber(mode.gradientNorm, 3)}), and Laplace’s approximation presumes a mode. ${remedy}`] : []),
    ...(mode !== undefined && mode.lowestCurvature < 0 && mode.descent > SADDLE_GAIN ? [`ŵ is a saddle of this posterior, no mode: where its curvature is lowest (${formatNumber(mode.lowestCurvature, 3)}) there are ${formatNumber(mode.descent, 3)} nats to gain, which the GGN, never below the prior precision, does not see. ${remedy}`] : []),
    ...(maximum?.converged === false ? ['The evidence had not settled on a prior precision after 500 steps; take the value as a rough one.'] : []),
    ...(laplace === undefined ? [] : uncertainRank(laplace)),
    ...(methods.some(({ method }) => method.startsWith('diffusion')) && request.diffusionSteps === 1 ? ['A diffusion of one step is the Laplace draw itself; take more steps.'] : []),
    ...(projectionsOmitted ? ['Draws are not shown in weight space: the loss of so large a network in planes would take too long.'] : []),
    ...apart(prediction),
    ...leftOut,
    ...source.origin.assumptions,
  ];
}
