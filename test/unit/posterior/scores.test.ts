/** Scores of predictions against their closed forms. */
import { describe, expect, it } from 'vitest';
import { normalCdf } from '../../../src/linalg/normal.ts';
import { seededRandom } from '../../../src/linalg/random.ts';
import { gaussianPredictive, sampledPredictive } from '../../../src/posterior/predictive.ts';
import { nllInfluence, pairedError, scores } from '../../../src/posterior/scores.ts';

const regression = { kind: 'gaussian', noise: 0.5 } as const;

describe('scores of regression', () => {
  const mean = Float64Array.of(0, 1, 2, 3);
  const variance = Float64Array.of(0.1, 0.2, 0.3, 0.4);
  const targets = Float64Array.of(0.3, 0.2, 2.4, 5);

  it('are those of the normal density in closed form', () => {
    const found = scores(regression, gaussianPredictive(regression, mean, variance, 1), targets, 1);
    if (found.kind !== 'regression') throw new Error();
    const total = variance.map((v) => v + 0.25);
    const logs = targets.map((y, n) => 0.5 * Math.log(2 * Math.PI * total[n]!) + (y - mean[n]!) ** 2 / (2 * total[n]!));
    expect(found.nll.value).toBeCloseTo(logs.reduce((a, b) => a + b, 0) / 4, 12);
    expect(found.rmse.value).toBeCloseTo(Math.sqrt((0.09 + 0.64 + 0.16 + 4) / 4), 12);
    // Only the last target is further out than 1.96 standard deviations.
    expect(found.coverage95.value).toBe(0.75);
  });

  it('of a chain whose draws follow each other closely have the error of so many independent ones', () => {
    // Autoregressive draws: S of them are worth about S (1 − ρ)/(1 + ρ).
    const random = seededRandom(7);
    const [rho, chains, each] = [0.8, 2, 300];
    const replicates = Array.from({ length: 150 }, () => {
      const outputs = new Float64Array(chains * each);
      for (let c = 0; c < chains; c++) for (let t = 0; t < each; t++) outputs[c * each + t] = t === 0 ? random.normal() : rho * outputs[c * each + t - 1]! + Math.sqrt(1 - rho * rho) * random.normal();
      const small = outputs.map((f) => 0.2 * f);
      const nll = (of: number | undefined) => scores(regression, sampledPredictive(regression, small, chains * each, 1, of), Float64Array.of(0.3), 1).nll;
      return { value: nll(chains).value, error: nll(chains).monteCarloError, independent: nll(undefined).monteCarloError };
    });
    const average = (pick: (replicate: (typeof replicates)[number]) => number): number => replicates.reduce((sum, replicate) => sum + pick(replicate), 0) / replicates.length;
    const centre = average(({ value }) => value);
    const spread = Math.sqrt(average(({ value }) => (value - centre) ** 2));
    // The spread of 150 is known to 1/√300.
    expect(Math.abs(average(({ error }) => error) / spread - 1)).toBeLessThan(4 / Math.sqrt(300) + 0.05);
    expect(average(({ independent }) => independent)).toBeLessThan(0.5 * spread);
  });

  it('change with what is drawn around by the error that replicates of the same random numbers show', () => {
    const random = seededRandom(11);
    const [draws, weights] = [200, new Float64Array(4).fill(1)];
    // None so far out that a few draws decide.
    const targets = Float64Array.of(0.3, 0.2, 2.4, 3.5);
    const replicates = Array.from({ length: 200 }, () => {
      const noise = random.normals(new Float64Array(4 * draws));
      const [wide, narrow] = [0.5, 0.4].map((scale) => {
        const predictive = sampledPredictive(regression, noise.map((z, k) => mean[k % 4]! + scale * z), draws, 1);
        if (predictive.draws.kind !== 'sampled') throw new Error();
        return { nll: scores(regression, predictive, targets, 1).nll, influence: nllInfluence(regression, predictive.draws, targets, weights, 1) };
      }) as [{ nll: ReturnType<typeof scores>['nll']; influence: Float64Array }, { nll: ReturnType<typeof scores>['nll']; influence: Float64Array }];
      return { change: narrow.nll.value - wide.nll.value, error: pairedError(wide.influence, narrow.influence), apart: Math.hypot(wide.nll.monteCarloError, narrow.nll.monteCarloError) };
    });
    const average = (pick: (replicate: (typeof replicates)[number]) => number): number => replicates.reduce((sum, replicate) => sum + pick(replicate), 0) / replicates.length;
    const centre = average(({ change }) => change);
    const spread = Math.sqrt(average(({ change }) => (change - centre) ** 2));
    expect(Math.abs(average(({ error }) => error) / spread - 1)).toBeLessThan(4 / Math.sqrt(400) + 0.05);
    expect(average(({ apart }) => apart)).toBeGreaterThan(1.5 * spread);
  });

  it('of many draws approach them', () => {
    const random = seededRandom(1);
    const count = 4000;
    const outputs = Float64Array.from({ length: 4 * count }, (_, k) => mean[k % 4]! + Math.sqrt(variance[k % 4]!) * random.normal());
    const [exact, sampled] = [gaussianPredictive(regression, mean, variance, 1), sampledPredictive(regression, outputs, count, 1)].map((predictive) => scores(regression, predictive, targets, 1));
    expect(Math.abs(sampled!.nll.value - exact!.nll.value)).toBeLessThan(0.05);
    sampledPredictive(regression, outputs, count, 1).deviation.forEach((d, k) => { expect(Math.abs(d / Math.sqrt(variance[k]!) - 1)).toBeLessThan(0.05); });
  });

  it('cover 95 % of targets drawn from the predictive itself, within their standard error', () => {
    const random = seededRandom(2);
    const rows = 4000;
    const centre = Float64Array.from({ length: rows }, () => random.normal());
    const y = centre.map((m) => m + Math.sqrt(0.3 + 0.25) * random.normal());
    const found = scores(regression, gaussianPredictive(regression, centre, new Float64Array(rows).fill(0.3), 1), y, 1);
    if (found.kind !== 'regression') throw new Error();
    expect(Math.abs(found.coverage95.value - 0.95)).toBeLessThan(4 * found.coverage95.standardError);
    expect(Math.abs(found.rmse.value - Math.sqrt(0.55))).toBeLessThan(4 * found.rmse.standardError);
  });
});

describe('scores of classification', () => {
  it('of known probabilities', () => {
    // One draw with logits log p: softmax gives p back.
    const p = [[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.3, 0.3, 0.4]];
    const found = scores({ kind: 'categorical' }, sampledPredictive({ kind: 'categorical' }, Float64Array.from(p.flat(), Math.log), 1, 3), Float64Array.of(0, 2, 2), 3);
    if (found.kind !== 'classification') throw new Error();
    expect(found.nll.value).toBeCloseTo(-(Math.log(0.7) + Math.log(0.3) + Math.log(0.4)) / 3, 12);
    expect(found.accuracy.value).toBeCloseTo(2 / 3, 14);
    expect(found.brier.value).toBeCloseTo((0.09 + 0.04 + 0.01 + 0.01 + 0.36 + 0.49 + 0.09 + 0.09 + 0.36) / 3, 12);
    // Each in a bin of its own: |1 − 0.7|, |0 − 0.6|, |1 − 0.4|.
    expect(found.ece.value).toBeCloseTo((0.3 + 0.6 + 0.6) / 3, 12);
  });

  it('are calibrated when labels are drawn from the probabilities', () => {
    const random = seededRandom(3);
    const rows = 20_000;
    const logits = Float64Array.from({ length: rows }, () => 2 * random.normal());
    const y = logits.map((z) => (random.uniform() < 1 / (1 + Math.exp(-z)) ? 1 : 0));
    const found = scores({ kind: 'bernoulli' }, sampledPredictive({ kind: 'bernoulli' }, logits, 1, 1), y, 1);
    const overconfident = scores({ kind: 'bernoulli' }, sampledPredictive({ kind: 'bernoulli' }, logits.map((z) => 3 * z), 1, 1), y, 1);
    if (found.kind !== 'classification' || overconfident.kind !== 'classification') throw new Error();
    expect(found.ece.value).toBeLessThan(0.015);
    expect(overconfident.ece.value).toBeGreaterThan(0.05);
    expect(found.nll.value).toBeLessThan(overconfident.nll.value);
    expect(found.brier.value).toBeLessThan(overconfident.brier.value);
  });

  it('the predictive of draws is the mean of their probabilities, and its density that mean', () => {
    const outputs = Float64Array.of(2, -1, /* second draw */ -3, 0.5);
    const sigmoid = (z: number): number => 1 / (1 + Math.exp(-z));
    const predictive = sampledPredictive({ kind: 'bernoulli' }, outputs, 2, 1);
    expect(predictive.mean[0]).toBeCloseTo((sigmoid(2) + sigmoid(-3)) / 2, 14);
    expect(scores({ kind: 'bernoulli' }, predictive, Float64Array.of(1, 0), 1).nll.value).toBeCloseTo(-(Math.log(predictive.mean[0]!) + Math.log(1 - predictive.mean[1]!)) / 2, 12);
  });

  it('probit is close to the integral that it stands for', () => {
    for (const [m, v] of [[0, 1], [1, 0.5], [-2, 3], [0.3, 10]] as const) {
      let integral = 0;
      for (let z = -10; z < 10; z += 0.001) integral += (Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)) * 0.001 / (1 + Math.exp(-(m + Math.sqrt(v) * z)));
      const { mean } = gaussianPredictive({ kind: 'bernoulli' }, Float64Array.of(m), Float64Array.of(v), 1);
      expect(Math.abs(mean[0]! - integral)).toBeLessThan(0.02);
    }
    expect(normalCdf(1.959963984540054)).toBeCloseTo(0.975, 15);
  });
});

describe('weights of inputs', () => {
  const counts = [2, 0, 1, 3, 1, 1];
  const rows = counts.flatMap((count, n) => Array.from({ length: count }, () => n));
  const random = seededRandom(12);
  const draws = 7;
  /** S × N × O for some rows of N × O. */
  const taken = (values: Float64Array, width: number, chosen: readonly number[], sets = 1): Float64Array =>
    Float64Array.from({ length: sets * chosen.length * width }, (_, i) => values[Math.floor(i / (chosen.length * width)) * counts.length * width + chosen[Math.floor(i / width) % chosen.length]! * width + (i % width)]!);

  it.each([['gaussian', 2], ['categorical', 3], ['bernoulli', 2]] as const)('count like repeated rows, errors included: %s', (kind, width) => {
    const likelihood = kind === 'gaussian' ? { kind, noise: 0.7 } : { kind };
    const outputs = Float64Array.from({ length: draws * counts.length * width }, () => random.normal());
    const each = kind === 'categorical' ? 1 : width;
    const targets = Float64Array.from({ length: counts.length * each }, () => (kind === 'gaussian' ? random.normal() : random.below(kind === 'categorical' ? width : 2)));
    const weighted = scores(likelihood, sampledPredictive(likelihood, outputs, draws, width), targets, width, Float64Array.from(counts));
    const repeated = scores(likelihood, sampledPredictive(likelihood, taken(outputs, width, rows, draws), draws, width), taken(targets, each, rows), width);
    const plain = (found: typeof weighted): [string, number][] => Object.entries(found).flatMap(([name, score]) => (typeof score === 'string' ? [] : Object.entries<number>({ ...score }).map(([part, value]): [string, number] => [`${name}.${part}`, value])));
    const [left, right] = [plain(weighted), plain(repeated)];
    expect(left.length).toBeGreaterThan(5);
    for (const [k, [name, value]] of left.entries()) expect(Number.isNaN(value) ? 'none' : value.toFixed(11), name).toBe(Number.isNaN(right[k]![1]) ? 'none' : right[k]![1].toFixed(11));
  });
});
