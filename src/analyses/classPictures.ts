/** Pictures of a classification: how reliable the probabilities of each method are, and what they are where the methods differ most. */
import type { DataSet } from '../network/data.ts';
import { answers, reliabilityBins, wilsonInterval } from '../posterior/calibration.ts';
import { formatCount, formatNumber } from '../protocol/format.ts';
import type { FieldPanel, FieldsSection, LinePanel, LinesSection } from '../protocol/report.ts';
import type { MethodResult, Predicted } from './methodResults.ts';

/** What a method is called in this report. */
type MethodNamer = (method: MethodResult['method']) => string;

/** Inputs whose probabilities are shown. */
const SHOWN_INPUTS = 20;
/** More classes are no picture. */
const SHOWN_CLASSES = 40;

/** On the test data where there are labels, otherwise on the training data. */
export function reliabilitySection({ methods, map, inputs, problem: { likelihood, network } }: Predicted, name: MethodNamer): LinesSection[] {
  if (likelihood.kind === 'gaussian') return [];
  const { kind } = likelihood;
  const [index, targets, weights] = inputs.testTargets === undefined ? [0, inputs.trainTargets, inputs.trainWeights] : [1, inputs.testTargets, inputs.testWeights];
  if (targets === undefined) return [];
  const where = index === 0 ? 'training' : 'test';
  const panel = (method: MethodResult): LinePanel => {
    const given = answers(kind, method.predictives[index]!.mean, targets, network.outputs, weights);
    const bins = reliabilityBins(given);
    const edges = bins.map(({ accuracy, count }) => wilsonInterval(accuracy, count));
    const scored = index === 0 ? method.train : method.test;
    const mean = (values: Float64Array): number => values.reduce((sum, value, n) => sum + given.counts[n]! * value, 0) / given.counts.reduce((sum, c) => sum + c, 0);
    const [confident, right] = [mean(given.confidence), mean(given.correct)];
    const gap = Math.abs(confident - right) < 0.02 ? 'as sure as right' : confident > right ? 'too sure' : 'not sure enough';
    const ece = scored?.kind === 'classification' ? `, ECE ${formatNumber(scored.ece.value, 3)}` : '';
    return {
      title: name(method.method), meaning: `${formatNumber(100 * confident, 3)} % sure on average, ${formatNumber(100 * right, 3)} % right: ${gap}${ece}.`,
      series: [
        { label: 'inputs by confidence', x: bins.map(({ confidence }) => confidence), y: bins.map(({ accuracy }) => accuracy), band: { label: '95 % of the frequency', lower: edges.map(([low]) => low), upper: edges.map(([, high]) => high) } },
        { label: 'as often right as sure', reference: true, x: [0, 1], y: [0, 1] },
      ],
    };
  };
  return [{
    kind: 'lines', id: 'reliability', title: 'Calibration', xLabel: 'confidence', yLabel: 'share that is right', xScale: 'linear', yScale: 'linear',
    meaning: `How often the predicted class is right, for the ${where} inputs by how sure the method is.`,
    drawing: 'Above the diagonal a method is not sure enough, below it too sure.',
    panels: [...methods, map].map(panel),
  }];
}

/** Class probabilities of each method at the inputs where they differ most. */
export function probabilitiesSection({ methods, map, inputs, problem: { likelihood, network } }: Predicted, name: MethodNamer): FieldsSection[] {
  const classes = network.outputs;
  if (likelihood.kind !== 'categorical' || classes > SHOWN_CLASSES) return [];
  const [index, targets] = inputs.testTargets === undefined ? [0, inputs.trainTargets] : [1, inputs.testTargets];
  if (targets === undefined) return [];
  const all = [...methods, map];
  const rows = targets.length;
  // Between any two methods: half the sum of absolute differences.
  const apart = (n: number): number => {
    let most = 0;
    for (const a of all) {
      for (const b of all) {
        let sum = 0;
        for (let k = 0; k < classes; k++) sum += Math.abs(a.predictives[index]!.mean[n * classes + k]! - b.predictives[index]!.mean[n * classes + k]!) / 2;
        most = Math.max(most, sum);
      }
    }
    return most;
  };
  // As many of each class.
  const each = Math.max(1, Math.round(SHOWN_INPUTS / classes));
  const ordered = Array.from({ length: rows }, (_, n) => ({ n, by: apart(n) })).sort((a, b) => b.by - a.by || a.n - b.n);
  const shown = Array.from({ length: classes }, (_, k) => ordered.filter(({ n }) => targets[n] === k).slice(0, each).map(({ n }) => n)).flat();
  const panel = (method: MethodResult): FieldPanel => {
    const { mean } = method.predictives[index]!;
    const right = shown.reduce((sum, n) => sum + mean[n * classes + targets[n]!]!, 0) / shown.length;
    return {
      title: name(method.method), meaning: `The right class has probability ${formatNumber(right, 2)} on average here.`,
      x: { min: -0.5, max: classes - 0.5, bins: classes }, y: { min: 0.5, max: shown.length + 0.5, bins: shown.length, direction: 'down' },
      values: shown.flatMap((n) => Array.from(mean.subarray(n * classes, (n + 1) * classes))),
      curves: [], points: [{ label: 'the right class', x: shown.map((n) => targets[n]!), y: shown.map((_, i) => i + 1) }],
    };
  };
  return [{
    kind: 'fields', id: 'probabilities', title: 'Class probabilities',
    meaning: `${each === 1 ? 'The' : `The ${formatCount(each)}`} ${index === 0 ? 'training' : 'test'} ${each === 1 ? 'input' : 'inputs'} of each class whose probabilities differ most between methods.`,
    drawing: 'A row is an input, a column a class. A method that has lost the data spreads its rows evenly.',
    xLabel: 'class', yLabel: 'input', valueLabel: 'probability', colours: 'sequential', panels: all.map(panel),
  }];
}

/** Points of the data that are drawn. */
const SHOWN_POINTS = 400;

/** Of two inputs: the probability of class 1, or with more classes how sure the predicted one is, over the plane of the inputs. */
export function surfaceSection({ methods, map, inputs: { surface, trainTargets }, problem: { network, likelihood } }: Predicted, data: DataSet, name: MethodNamer): FieldsSection[] {
  if (surface === undefined || trainTargets === undefined || (likelihood.kind === 'bernoulli' && network.outputs !== 1)) return [];
  const { x, y, index } = surface;
  const classes = likelihood.kind === 'bernoulli' ? 2 : network.outputs;
  const rows = Array.from({ length: Math.min(data.rows, SHOWN_POINTS) }, (_, n) => n);
  const points = Array.from({ length: classes }, (_, k) => {
    const own = rows.filter((n) => trainTargets[n] === k);
    return { label: `data of class ${k}`, x: own.map((n) => data.x[2 * n]!), y: own.map((n) => data.x[2 * n + 1]!) };
  });
  const panel = (method: MethodResult): FieldPanel => {
    const { mean } = method.predictives[index]!;
    const values = Array.from({ length: x.bins * y.bins }, (_, n) => (likelihood.kind === 'bernoulli' ? mean[n]! : Math.max(...mean.subarray(n * classes, (n + 1) * classes))));
    const unsure = values.filter((p) => (likelihood.kind === 'bernoulli' ? Math.max(p, 1 - p) : p) < 0.9).length / values.length;
    return { title: name(method.method), meaning: `Less than 90 % sure over ${formatNumber(100 * unsure, 2)} % of this plane.`, x, y: { ...y, direction: 'up' }, values, curves: [], points };
  };
  return [{
    kind: 'fields', id: 'surface', title: likelihood.kind === 'bernoulli' ? 'Probability of class 1' : 'How sure the predicted class is',
    meaning: 'Over the plane of the two inputs. What a posterior adds to the mode is doubt away from the data.',
    xLabel: 'first input', yLabel: 'second input', valueLabel: 'probability', colours: 'sequential', panels: [...methods, map].map(panel),
  }];
}
