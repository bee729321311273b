/**
 * How much of weight space do the data constrain? Rank, spectrum and kernel of the generalised Gauss–Newton matrix JᵀHJ at the
 * saved weights, and where the kernel comes from (curvature/kernel.ts). What is too large to be factorised is estimated without
 * matrices (curvature/matrixFree.ts).
 */
import path from 'node:path';
import { constrainedDirections, leadingDirections } from '../curvature/directions.ts';
import { evidenceWith, laplaceEvidence, type Evidence } from '../curvature/evidence.ts';
import { genericInputs } from '../curvature/genericInputs.ts';
import { GgnImage } from '../curvature/image.ts';
import { kernelAccounting, knownSymmetry } from '../curvature/kernel.ts';
import { likelihoodModel } from '../curvature/likelihood.ts';
import { halfLogDeterminant, matrixFreeSpectrum, planMatrixFree, type MatrixFreeOptions } from '../curvature/matrixFree.ts';
import type { CurvatureProblem } from '../curvature/problem.ts';
import { rankGrowth } from '../curvature/rankGrowth.ts';
import { fits, planned, planSpectrum } from '../curvature/spectrum.ts';
import { unitReports } from '../curvature/units.ts';
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { readData, requireInputs, type DataSet } from '../network/data.ts';
import { readState } from '../network/parameters.ts';
import { requireNetwork, type ReadNetwork } from '../network/readNetwork.ts';
import { formatBytes } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { RankRequest } from '../protocol/service.ts';
import { namesApart } from '../protocol/shownPaths.ts';
import { UserError } from '../protocol/userError.ts';
import { openWeightFile } from '../weights/openWeights.ts';
import { WeightFileError } from '../weights/weightFileError.ts';
import { startProvenance } from './provenance.ts';
import { splitWays } from './rankDirection.ts';
import { planeOfReport } from './rankPlane.ts';
import { factorisedReport } from './rankReport.ts';
import { estimatedRank, matrixFreeReport } from './rankWithoutMatrices.ts';
import { readWays } from './rankWays.ts';
import { likelihoodFor, requireTargetWidth } from './targets.ts';

/** Factorising what takes more multiplications than this (about a quarter of an hour) gives way to estimates. */
const FACTORISED_OPERATIONS = 2e13;
/** Vectors of the spectrum are had too, for the shares of layers, when they take no more multiplications than this (for a direction that is asked for, in any case). */
const VECTOR_OPERATIONS = 2e11;
/** Or when they add little to what the values take, and the whole stays within a minute or two. */
const LITTLE_MORE = 1.25;
const PATIENCE = 2e12;
/** Ranks of parts of the data may take half as long as the whole, and this (about a second) in any case. */
const GROWTH = { sizes: 8, operations: 1e10 } as const;
const MATRIX_FREE = { eigenvalues: 50, probes: 8, steps: 48 } as const;
/** Directions shown of either end of the image. */
const SHOWN_DIRECTIONS = 2;

export async function rank(asked: RankRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(asked.seed);
  const { network, assumptions, state } = await readNetworkAt(asked);
  const data = asked.data === undefined ? undefined : await readData(asked.data);
  const request = { ...asked, likelihood: likelihoodFor(asked.likelihood, data, network.outputs) };
  const likelihood = likelihoodModel(request.likelihood, request.noise, network.outputs);
  if (data !== undefined) {
    requireInputs(data, network);
    requireTargetWidth(data, likelihood, network.outputs);
  }
  const random = seededRandom(request.seed);
  const sampleWeights = data?.sampleWeights === undefined ? {} : { sampleWeights: data.sampleWeights };
  const problem: CurvatureProblem = { network, state, likelihood, weighting: 'likelihood', x: data?.x ?? await interruptibly(genericInputs(network, state, request.inputs, random), context.signal), ...sampleWeights };
  const ways = await readWays(request, problem, data, context);
  const plan = planSpectrum(problem, context.memoryLimitBytes);
  const common = { request, network, data, assumptions, inputs: problem.x.length / network.inputs };
  const head = {
    analysis: 'rank' as const,
    title: request.toward === undefined ? `Rank and kernel of ${path.basename(request.file)}` : `From ${namesApart([request.file, request.toward]).join(' to ')}, in image and kernel`,
    sources: [request.file, ...(request.data === undefined ? [] : [request.data]), ...(request.toward === undefined ? [] : [request.toward])],
  };
  if (!fits(plan, context.memoryLimitBytes) || plan.operations > FACTORISED_OPERATIONS) {
    const options = affordable(problem, context.memoryLimitBytes);
    context.progress({ message: `By Lanczos and stochastic quadrature, with about ${formatBytes(planMatrixFree(problem, options, context.memoryLimitBytes).bytes)} of memory`, fraction: 0 });
    const spectrum = await matrixFreeSpectrum(problem, { ...options, random }, context);
    const symmetry = await knownSymmetry({ ...problem, weighting: 'uniform' }, context);
    const units = await interruptibly(unitReports(network, state, problem.x, random), context.signal);
    const occam = halfLogDeterminant(spectrum.measure, request.priorPrecision);
    const evidence = data?.y === undefined ? undefined : forTargets(data, data.y, (y) => evidenceWith(problem, y, request.priorPrecision, occam.value));
    const directions = await leadingDirections(problem, spectrum, SHOWN_DIRECTIONS, context.memoryLimitBytes / 8, context);
    const estimate = estimatedRank(spectrum, symmetry.dimension);
    const growth = await rankGrowth({ problem, rank: estimate, symmetry: symmetry.dimension, sizes: GROWTH.sizes, operations: Math.max(GROWTH.operations, spectrum.plan.operations / 2), random: seededRandom(request.seed) }, context);
    const plane = await planeOfReport(problem, data?.y, estimate.tolerance, undefined, request, context);
    const made = provenance();
    return { ...head, ...matrixFreeReport({ ...common, units, evidence, evidenceError: occam.standardError, seconds: made.seconds, spectrum, estimate, symmetry, directions, growth, plane }), provenance: made };
  }
  context.progress({ message: `By ${planned(plan)} of memory`, fraction: 0 });
  const vectorPlan = planSpectrum(problem, context.memoryLimitBytes, { vectors: true });
  const vectors = vectorPlan.method === plan.method && fits(vectorPlan, context.memoryLimitBytes) && vectorPlan.operations <= (ways === undefined ? Math.max(VECTOR_OPERATIONS, Math.min(LITTLE_MORE * plan.operations, PATIENCE)) : FACTORISED_OPERATIONS);
  const accounting = await kernelAccounting({ network, state, likelihood, x: problem.x, generic: data === undefined, genericInputs: request.inputs, random, vectors, ...sampleWeights }, context);
  const units = await interruptibly(unitReports(network, state, problem.x, random), context.signal);
  const evidence = data?.y === undefined ? undefined : forTargets(data, data.y, (y) => laplaceEvidence(problem, y, request.priorPrecision, accounting.spectrum.eigenvalues.subarray(0, accounting.rank.rank)));
  const image = vectors ? new GgnImage(problem, accounting.spectrum, accounting.rank.rank, context.memoryLimitBytes / 8) : undefined;
  const layers = image === undefined ? undefined : { shares: await image.shares(context), directions: await constrainedDirections(image, accounting.spectrum.eigenvalues, SHOWN_DIRECTIONS, random, context) };
  const direction = image === undefined || ways === undefined ? undefined : await splitWays(image, ways, context);
  const growth = await rankGrowth({ problem, rank: accounting.rank, symmetry: accounting.symmetry, sizes: GROWTH.sizes, operations: Math.max(GROWTH.operations, plan.operations / 2), random: seededRandom(request.seed) }, context);
  const plane = await planeOfReport(problem, data?.y, accounting.rank.tolerance, layers?.directions, request, context);
  const made = provenance();
  return { ...head, ...factorisedReport({ ...common, accounting, layers, direction, growth, plane, units, evidence, seconds: made.seconds }), provenance: made };
}

/** Fewer eigenvalues and shorter Krylov spaces where the vectors would not fit. */
function affordable(problem: CurvatureProblem, memoryLimitBytes: number): Omit<MatrixFreeOptions, 'random'> {
  let options: Omit<MatrixFreeOptions, 'random'> = MATRIX_FREE;
  while (options.eigenvalues > 3 && planMatrixFree(problem, options, memoryLimitBytes).bytes > memoryLimitBytes) {
    options = { ...options, eigenvalues: Math.floor(options.eigenvalues / 2), steps: Math.max(12, Math.floor(options.steps / 2)) };
  }
  return options;
}

async function readNetworkAt({ file: path, ...options }: RankRequest): Promise<ReadNetwork & { readonly state: Float64Array }> {
  const file = await openWeightFile(path);
  try {
    const reading = await requireNetwork(file, options);
    const { network, leading } = reading;
    if (leading.length > 0) throw new WeightFileError(path, '', `holds ${leading.join(' × ')} draws; rank takes one network, posterior takes sets of draws`);
    return { ...reading, state: await readState(file, network) };
  } finally {
    await file.close();
  }
}

/** The file is named where its targets do not fit the likelihood. */
function forTargets(data: DataSet, y: Float64Array, evidence: (y: Float64Array) => Evidence): Evidence {
  try {
    return evidence(y);
  } catch (error) {
    if (error instanceof UserError) throw new WeightFileError(data.source, '', `${error.message}; choose the likelihood that y was made for`);
    throw error;
  }
}
