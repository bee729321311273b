/** The posterior report for programs. */
import type { ChainDiagnostics } from '../posterior/chainDiagnostics.ts';
import { quantile } from '../posterior/density.ts';
import type { JsonValue } from '../protocol/report.ts';
import { describeNetwork } from './describeNetwork.ts';
import type { DrawComparison } from './drawComparison.ts';
import { projectionsResult } from './projectionPictures.ts';
import type { PosteriorFindings } from './posteriorReport.ts';
import { worstDiagnostics } from './posteriorTables.ts';

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/**
 * ```
 * draws, chains, parameters, network, log10Copies, continuousDimensions
 * plotted          names of the two parameters of the density
 * functionError    largest difference of a prediction before and after, relative to the largest prediction
 * plan             { mode: "memory" | "file", bytes, fileBytes, seconds }: estimates made beforehand, of the process's memory at its
 *                  peak and of a temporary file for the draws that are compared
 * selected         draws that were compared, each with every other: evenly spaced among all
 * sets             { border, natural, each }: the discrepancy is of draws before and after `border`, `each` of both
 * tensors          [ { name, shape } ]: what parameters are named after
 * stages           one a stage ("original", "scaling", "all", "aligned"), with the fields of a comparison and
 *                  plotted: diagnostics of the two parameters in full, spread: per tensor
 * functions        a comparison of the draws' predictions, and `inputs`: where they predict
 * projections      with data, targets and a likelihood: { inputs, methods, planes }, as of `predict`
 * predictions      { rhatMax, essBulkMin, essTailMin } again, under its older name
 * ```
 * A comparison: `distance { q05, median, q95, mean, standardError, pairs }`, the error being that of the mean as an estimate for all draws; `mmd { mmd2, pValue, permutations, nullDeviation, bandwidth, each }` or null;
 * `modes { count, leastCount, sizes, weakest, refused, threshold, silhouette, neighbours }` or null; `explained`: shares of variance of
 * the leading principal components; `rhatMax`, `essBulkMin`, `essTailMin`, and `mcse { mean, sd, quantiles }`, the largest in
 * standard deviations of the quantity. What is undefined or infinite is null.
 */
export function posteriorResult({ source, group, plan, views, functions, functionError, pair, tensors, sets, selected, overLoss }: PosteriorFindings): JsonValue {
  const { network } = source;
  const { rhat, bulk, tail } = worstDiagnostics(functions.diagnostics);
  return {
    draws: source.count,
    chains: source.chains,
    parameters: network.parameters,
    network: describeNetwork(network),
    log10Copies: group.log10Copies,
    continuousDimensions: group.dimensions,
    plotted: pair.names,
    functionError,
    plan: { mode: plan.mode, bytes: plan.bytes, fileBytes: plan.fileBytes, seconds: plan.seconds },
    selected,
    sets: { border: sets.border, natural: sets.natural, each: sets.each },
    tensors: tensors.map(({ name, shape }) => ({ name, shape })),
    stages: views.map((view) => ({
      stage: view.step.id,
      ...comparisonResult(view, view.diagnostics),
      plotted: view.plotted.map((figures) => Object.fromEntries(Object.entries(figures).map(([name, value]) => [name, finite(value as number)]))),
      spread: view.spreads.map(finite),
    })),
    functions: { ...comparisonResult(functions, functions.diagnostics), inputs: functions.inputs },
    projections: overLoss === undefined ? null : projectionsResult(overLoss.found),
    predictions: { rhatMax: rhat, essBulkMin: bulk, essTailMin: tail },
  };
}

function comparisonResult({ distances, components, discrepancy, modes }: DrawComparison, diagnostics: readonly ChainDiagnostics[]): Readonly<Record<string, JsonValue>> {
  const { sorted, mean: meanDistance, standardError } = distances;
  const { rhat, bulk, tail, mean, sd, quantiles } = worstDiagnostics(diagnostics);
  return {
    distance: { q05: quantile(sorted, 0.05), median: quantile(sorted, 0.5), q95: quantile(sorted, 0.95), mean: meanDistance, standardError, pairs: sorted.length },
    mmd: discrepancy === undefined ? null : {
      mmd2: discrepancy.mmd2, pValue: discrepancy.pValue, permutations: discrepancy.permutations, nullDeviation: discrepancy.nullDeviation, bandwidth: discrepancy.bandwidth, each: discrepancy.size,
    },
    modes: modes === undefined ? null : {
      count: modes.count, leastCount: modes.leastCount, sizes: modes.sizes, weakest: finite(modes.weakest), refused: finite(modes.refused), threshold: modes.threshold, silhouette: finite(modes.silhouette), neighbours: modes.neighbours,
    },
    explained: Array.from(components.explained),
    rhatMax: rhat,
    essBulkMin: bulk,
    essTailMin: tail,
    mcse: { mean, sd, quantiles },
  };
}
