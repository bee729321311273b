/** Names of parameters, as they are listed and as people type them. */
import { describe, expect, it } from 'vitest';
import { parameterNames, parameterProblem, parameterTensors, type ParameterTensor } from '../../../src/extension/parameterList.ts';
import type { Report } from '../../../src/protocol/report.ts';

const tensors: readonly ParameterTensor[] = [{ name: '0.weight', shape: [2, 3] }, { name: '0.bias', shape: [2] }];
const report = (result: Report['result']): Report => ({ analysis: 'posterior', title: '', summary: '', sources: [], sections: [], warnings: [], result, provenance: { version: '', seed: 0, seconds: 0 } });

describe('parameters of a report', () => {
  it('are listed in the order of the file, unless there are too many', () => {
    expect(parameterNames(tensors, 8)).toEqual(['0.weight[0,0]', '0.weight[0,1]', '0.weight[0,2]', '0.weight[1,0]', '0.weight[1,1]', '0.weight[1,2]', '0.bias[0]', '0.bias[1]']);
    expect(parameterNames(tensors, 7)).toBeUndefined();
    expect(parameterNames([{ name: 'all', shape: [1e9, 1e9] }], 5000)).toBeUndefined();
  });

  it('every listed name is accepted, with spaces too; others are refused in a sentence', () => {
    for (const name of parameterNames(tensors, 8) ?? []) expect(parameterProblem(` ${name.replace(',', ', ')} `, tensors)).toBeUndefined();
    for (const wrong of ['0.weight[2,0]', '0.weight[0,3]', '0.weight[0]', '0.weight[0,]', '0.bias[0,0]', '0.bias[]']) expect(parameterProblem(wrong, tensors)).toMatch(/^0\.(weight is 2 × 3|bias is 2): /);
    expect(parameterProblem('1.weight[0,0]', tensors)).toBe('There is no tensor 1.weight; there are 0.weight, 0.bias.');
    expect(parameterProblem('0.weight', tensors)).toMatch(/^A parameter is a tensor and an index/);
    expect(parameterProblem('0.bias[-1]', tensors)).toMatch(/^A parameter is a tensor and an index/);
  });

  it('come from the report; a report that does not say has none', () => {
    expect(parameterTensors(report({ tensors: [{ name: 'a', shape: [2] }, { name: 3, shape: [1] }, null, { name: 'b', shape: ['x'] }] }))).toEqual([{ name: 'a', shape: [2] }]);
    for (const result of [null, 'x', {}, { tensors: 3 }]) expect(parameterTensors(report(result))).toEqual([]);
  });
});
