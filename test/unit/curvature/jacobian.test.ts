/** J against PyTorch's reverse mode for every activation, against central differences, and Jᵀc as its product. */
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { jacobian, vectorJacobianProduct } from '../../../src/curvature/jacobian.ts';
import { activationNames } from '../../../src/network/activation.ts';
import { denseChain } from '../../../src/network/denseChain.ts';
import { forward } from '../../../src/network/chainForward.ts';
import { distance } from '../linalg/matrices.ts';
import { figures, network, normal, sine } from './problems.ts';

const smooth = activationNames.filter((name) => !name.startsWith('relu') && !name.startsWith('leaky'));

describe('Jacobian of a dense chain', () => {
  test('PyTorch figures cover every activation', () => {
    expect([...new Set(figures.jacobians.map(({ activation }) => activation))].sort()).toEqual([...activationNames].sort());
  });

  test.each(figures.jacobians)('agrees with PyTorch: $activation, output $output', ({ activation, output, widths, outputs, jacobian: exact }) => {
    const chain = network(widths, activation, output);
    const theta = sine(chain.parameters);
    const x = Float64Array.from({ length: 2 * chain.inputs }, (_, k) => Math.cos(1.3 * (k + 1)));
    expect(distance(forward(chain, theta, x), Float64Array.from(outputs))).toBeLessThan(1e-14);
    expect(distance(jacobian(chain, theta, x), Float64Array.from(exact))).toBeLessThan(2e-14);
  });

  test.each(smooth)('agrees with central differences: %s', (activation) => {
    const chain = network([3, 4, 3, 2], activation);
    const theta = normal(4, chain.parameters);
    const x = normal(5, 5 * 3);
    const rows = jacobian(chain, theta, x);
    const h = 1e-5;
    for (let i = 0; i < chain.parameters; i++) {
      const moved = (by: number): Float64Array => forward(chain, theta.map((w, k) => (k === i ? w + by : w)), x);
      const [up, down] = [moved(h), moved(-h)];
      const slope = up.map((f, r) => (f - down[r]!) / (2 * h));
      expect(distance(Float64Array.from({ length: 10 }, (_, r) => rows[r * chain.parameters + i]!), slope)).toBeLessThan(1e-8);
    }
  });

  test('Jᵀc is the product with the rows of J, also without biases', () => {
    const shape = fc.record({ hidden: fc.integer({ min: 1, max: 5 }), outputs: fc.integer({ min: 1, max: 3 }), rows: fc.integer({ min: 0, max: 4 }), seed: fc.nat(), bias: fc.boolean() });
    fc.assert(fc.property(shape, fc.constantFrom(...activationNames), ({ hidden, outputs, rows, seed, bias }, activation) => {
      const full = network([2, hidden, outputs], activation, 'tanh');
      const chain = denseChain(full.layers.map((layer) => ({
        name: layer.name, inputs: layer.inputs, outputs: layer.outputs, weight: layer.weight.tensor,
        bias: bias ? layer.bias?.tensor : undefined, transposed: false, activation: layer.activation,
      })));
      const theta = normal(seed, chain.parameters);
      const x = normal(seed + 1, rows * 2);
      const c = normal(seed + 2, rows * outputs);
      const j = jacobian(chain, theta, x);
      const product = Float64Array.from({ length: chain.parameters }, (_, i) => c.reduce((sum, weight, r) => sum + weight * j[r * chain.parameters + i]!, 0));
      expect(distance(vectorJacobianProduct(chain, theta, x, c), product)).toBeLessThan(1e-12);
      expect(c).toEqual(normal(seed + 2, rows * outputs));
    }), { seed: 3, numRuns: 80 });
  });

  test('refuses a buffer that is too small', () => {
    const chain = network([2, 2], 'relu');
    expect(() => jacobian(chain, sine(6), sine(4), new Float64Array(23))).toThrow('the buffer holds 23 numbers, the Jacobian 24');
  });
});
