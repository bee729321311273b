/** Pictures and the table of what the methods of a posterior predictive say beside each other, whatever runs the network. */
import type { DataSet } from '../network/data.ts';
import type { Score, Scores } from '../posterior/scores.ts';
import { formatNumber } from '../protocol/format.ts';
import type { LinePanel, LinesSection, TableSection } from '../protocol/report.ts';
import { methodNames } from './methodNames.ts';
import { underfit, type MethodResult, type Predicted } from './methodResults.ts';

const SHOWN_POINTS = 400;

/** One-dimensional networks: mean and 95 % of f, each method in a panel of its own. */
export function bandsSection({ inputs, methods, map, problem }: Predicted, data: DataSet, nameOf: (method: MethodResult['method']) => string): LinesSection[] {
  const { grid, gridIndex } = inputs;
  if (grid === undefined || gridIndex === undefined || problem.network.outputs !== 1) return [];
  const x = [...grid];
  const regression = problem.likelihood.kind === 'gaussian';
  const points = { label: 'training data', x: [...data.x].slice(0, SHOWN_POINTS), y: [...(data.y ?? [])].slice(0, SHOWN_POINTS) };
  const panel = ({ method, predictives, how, train }: MethodResult): LinePanel => {
    const { mean, deviation } = predictives[gridIndex]!;
    const clamp = (value: number): number => (regression ? value : Math.min(1, Math.max(0, value)));
    const nll = train === undefined ? '' : ` Training NLL ${formatNumber(train.nll.value, 3)}.`;
    return {
      title: nameOf(method), meaning: `${how}.${nll}`, points,
      series: [{ label: nameOf(method), x, y: [...mean], ...(method === 'map' ? {} : { band: { label: regression ? 'two standard deviations of f' : 'two standard deviations of the probability', lower: [...mean].map((m, k) => clamp(m - 2 * deviation[k]!)), upper: [...mean].map((m, k) => clamp(m + 2 * deviation[k]!)) } }) }],
    };
  };
  return [{
    kind: 'lines', id: 'bands', title: 'Predictive bands', xLabel: 'x', yLabel: regression ? 'f(x)' : 'p(y = 1)', xScale: 'linear', yScale: 'linear',
    meaning: bandMeaning(methods, map),
    panels: [...methods, map].map(panel),
  }];
}

function bandMeaning(methods: readonly MethodResult[], map: MethodResult): string {
  const worst = methods.reduce<MethodResult | undefined>((a, b) => (a === undefined || underfit(b, map) > underfit(a, map) ? b : a), undefined);
  const best = methods.reduce<MethodResult | undefined>((a, b) => (a === undefined || underfit(b, map) < underfit(a, map) ? b : a), undefined);
  if (worst === undefined || best === undefined || worst === best) return 'The band is the spread of f over the posterior, without observation noise.';
  return `${capital(methodNames[best.method])} stays with the data (${underfit(best, map) < 0.01 ? 'as well as ŵ' : `${formatNumber(underfit(best, map), 3)} nats a point worse than ŵ`}); ${methodNames[worst.method]} strays most (${formatNumber(underfit(worst, map), 3)}). Bands are the spread of f, without observation noise.`;
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

export function scoreTable({ methods, map }: Predicted, nameOf: (method: MethodResult['method']) => string): TableSection {
  const all = [...methods, map];
  const regression = map.train?.kind === 'regression';
  const right = (label: string) => ({ label, align: 'right' as const });
  const labels = regression ? ['RMSE', '95 % coverage'] : ['accuracy', 'ECE', 'Brier'];
  const values = (scored: Scores | undefined): (string | null)[] => {
    if (scored === undefined) return [null, ...labels.map(() => null)];
    const nll = `${withError(scored.nll, 3)}${scored.nll.monteCarloError > 0 ? ` (± ${formatNumber(scored.nll.monteCarloError, 2)} MC)` : ''}`;
    return [nll, ...(scored.kind === 'regression' ? [withError(scored.rmse, 3), withError(scored.coverage95, 3)] : [withError(scored.accuracy, 3), formatNumber(scored.ece.value, 3), withError(scored.brier, 3)])];
  };
  const sampled = methods.filter((method) => (method.train ?? method.test)?.nll.monteCarloError !== 0).length;
  return {
    kind: 'table', id: 'scores', title: 'Scores',
    meaning: `NLL is the mean negative log predictive density in nats, lower is better; underfit is how much worse than ŵ the training data are predicted. ± is the standard error over inputs${sampled > 0 ? ', MC that of finitely many draws' : ''}.${sampled > 1 ? ' Every method draws its own random numbers.' : ''}`,
    // What a score is of the training data beside those of the test data is in the JSON.
    columns: [{ label: 'Method', align: 'left' }, right('Underfit'), right('Train NLL'), ...(map.test === undefined ? [] : [right('Test NLL')]), ...labels.map((label) => right(`${map.test === undefined ? 'Train' : 'Test'} ${label}`))],
    rows: all.map((method) => {
      const [train, tested] = [values(method.train), values(method.test)];
      return [nameOf(method.method), method === map ? '0' : formatNumber(underfit(method, map), 3), ...(map.test === undefined ? train : [train[0] ?? null, ...tested])];
    }),
  };
}

const withError = ({ value, standardError }: Score, digits: number): string => `${formatNumber(value, digits)}${Number.isFinite(standardError) && standardError > 0 ? ` ± ${formatNumber(standardError, 2)}` : ''}`;
