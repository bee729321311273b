// A tensor in detail loses nothing on its way into a picture: counts add up, cells stand where the host says, what is missing is left out.
import { describe, expect, it } from 'vitest';
import type { TensorDetail } from '../../../src/protocol/service.ts';
import { wireTensorDetail, type FromWebview } from '../../../src/protocol/webview.ts';
import { TensorRequests } from '../../../webview/tensorRequests.ts';
import { heatMapSection, histogramSection, statisticsSection } from '../../../webview/tensorSections.ts';
import { tensorDetail } from './sampleReports.ts';

const sample = tensorDetail('net.safetensors', 'w');
const changed = (change: Partial<TensorDetail>): TensorDetail => ({ ...sample, ...change });
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

describe('the pictures of a tensor', () => {
  it('joins bins without losing an element, also when they do not divide evenly', () => {
    for (const bins of [512, 509, 128, 3]) {
      const counts = sample.histogram.counts.slice(0, bins);
      const section = histogramSection(wireTensorDetail(changed({ histogram: { axis: { ...sample.histogram.axis, bins }, counts } })));
      expect(sum(section!.series[0]!.counts)).toBe(sum(counts));
      expect(section!.series[0]!.counts).toHaveLength(section!.axis.bins);
    }
  });

  it('gives the one bar of a constant tensor a width around its value', () => {
    const { axis } = histogramSection(wireTensorDetail(changed({ histogram: { axis: { min: 3, max: 3, bins: 1 }, counts: [7] } })))!;
    expect((axis.min + axis.max) / 2).toBe(3);
    expect(axis.max).toBeGreaterThan(axis.min);
  });

  it('shows cells by their mean, or by their element of the largest magnitude with its sign', () => {
    const heatMap = { slice: [], rows: 2, columns: 4, cellRows: 1, cellColumns: 2, mean: [1, NaN], min: [-9, NaN], max: [3, NaN], notFinite: [0, 4] };
    const detail = wireTensorDetail(changed({ heatMap }));
    expect(heatMapSection(detail, 'mean')!.panels[0]!.values).toEqual([1, null]);
    expect(heatMapSection(detail, 'largest')!.panels[0]!.values).toEqual([-9, null]);
    expect(heatMapSection(detail, 'mean')!.meaning).toContain('A cell stands for 2 × 2 elements');
  });

  it('says where the elements are, and which is the largest', () => {
    const quantiles = [-3, -2, -1, 0, 1, 2, 4];
    expect(histogramSection(wireTensorDetail(changed({ statistics: { ...sample.statistics, quantiles } })))!.meaning).toBe('Half of the elements lie between -1 and 1, 98 % between -3 and 4.');
    const one = (values: number[]): Partial<TensorDetail> => ({ shape: [2, 3], heatMap: { slice: [], rows: 2, columns: 3, cellRows: 2, cellColumns: 3, mean: values, min: values, max: values, notFinite: [] } });
    expect(heatMapSection(wireTensorDetail(changed(one([1, 2, NaN, -5, 5, 3]))), 'mean')!.meaning).toMatch(/^A cell is one element; the largest in magnitude is -5, in row 1, column 0\./);
  });

  it('has neutral colours at zero only where there are both signs', () => {
    expect(heatMapSection(wireTensorDetail(sample), 'mean')!.colours).toBe('diverging');
    expect(heatMapSection(wireTensorDetail(changed({ statistics: { ...sample.statistics, min: 0 } })), 'mean')!.colours).toBe('sequential');
  });

  it('of a scalar, or of nothing finite, are none', () => {
    const scalar = { ...sample.heatMap, rows: 1, columns: 1, cellRows: 1, cellColumns: 1, mean: [1], min: [1], max: [1] };
    expect(heatMapSection(wireTensorDetail(changed({ heatMap: scalar })), 'mean')).toBeNull();
    expect(histogramSection(wireTensorDetail(changed({ histogram: { axis: { min: NaN, max: NaN, bins: 0 }, counts: [] } })))).toBeNull();
  });

  it('lists quantiles between the extremes, in order', () => {
    const rows = statisticsSection(sample.statistics).rows.slice(0, 9);
    expect(rows.map(([label]) => label)).toEqual(['Min', '1 % below', '5 % below', '25 % below', 'Median', '75 % below', '95 % below', '99 % below', 'Max']);
    expect(rows.map(([, value]) => value)).toEqual([...rows.map(([, value]) => value)].sort((a, b) => Number(a) - Number(b)));
  });
});

it('only the newest question about a tensor is answered', () => {
  const posted: FromWebview[] = [];
  const requests = new TensorRequests((message) => { posted.push(message); });
  const heard: string[] = [];
  const answers = (name: string): Parameters<TensorRequests['ask']>[1] => ({ progress: () => undefined, detail: () => { heard.push(name); }, failed: (message) => { heard.push(`${name}: ${message}`); } });
  requests.ask({ file: 'a', tensor: 'x' }, answers('first'));
  requests.ask({ file: 'a', tensor: 'y' }, answers('second'));
  const detail = wireTensorDetail(tensorDetail('a', 'y'));
  requests.receive({ type: 'tensor', id: 1, detail });
  requests.receive({ type: 'tensor', id: 2, detail });
  requests.receive({ type: 'tensor', id: 2, message: 'late' });
  expect(heard).toEqual(['second']);
  expect(requests.known({ file: 'a', tensor: 'y' })).toBe(detail);
  expect(requests.known({ file: 'a', tensor: 'y', slice: [1] })).toBeUndefined();
  requests.ask({ file: 'a', tensor: 'z' }, answers('third'));
  requests.cancel();
  requests.receive({ type: 'tensor', id: 3, detail });
  expect(heard).toEqual(['second']);
  expect(posted.map(({ type }) => type)).toEqual(['tensor', 'tensor', 'tensor', 'tensor-cancel']);
});
