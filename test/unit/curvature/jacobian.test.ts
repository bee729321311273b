/** J of dense networks against PyTorch's reverse mode for every activation, and against central differences. */
import { describe, expect, test } from 'vitest';
import { activationNames } from '../../../src/network/activation.ts';
import { forward } from '../../../src/network/forward.ts';
import { jacobian } from '../../../src/network/parameterGradients.ts';
import { distance } from '../linalg/matrices.ts';
import { figures, network, normal, sine } from './problems.ts';

const smooth = activationNames.filter((name) => !name.startsWith('relu') && !name.startsWith('leaky'));

describe('Jacobian of a dense chain', () => {
  test('PyTorch figures cover every activation', () => {
    expect([...new Set(figures.jacobians.map(({ activation }) => activation))].sort()).toEqual([...activationNames].sort());
  });

  test.each(figures.jacobians)('agrees with PyTorch: $activation, output $output', ({ activation, output, widths, outputs, jacobian: exact }) => {
    const net = network(widths, activation, output);
    const theta = sine(net.parameters);
    const x = Float64Array.from({ length: 2 * net.inputs }, (_, k) => Math.cos(1.3 * (k + 1)));
    expect(distance(forward(net, theta, x), Float64Array.from(outputs))).toBeLessThan(1e-14);
    expect(distance(jacobian(net, theta, x), Float64Array.from(exact))).toBeLessThan(2e-14);
  });

  test.each(smooth)('agrees with central differences: %s', (activation) => {
    const net = network([3, 4, 3, 2], activation);
    const theta = normal(4, net.parameters);
    const x = normal(5, 5 * 3);
    const rows = jacobian(net, theta, x);
    const h = 1e-5;
    for (let i = 0; i < net.parameters; i++) {
      const moved = (by: number): Float64Array => forward(net, theta.map((w, k) => (k === i ? w + by : w)), x);
      const [up, down] = [moved(h), moved(-h)];
      const slope = up.map((f, r) => (f - down[r]!) / (2 * h));
      expect(distance(Float64Array.from({ length: 10 }, (_, r) => rows[r * net.parameters + i]!), slope)).toBeLessThan(1e-8);
    }
  });
});
