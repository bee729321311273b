/** Adam (Kingma & Ba 2015, algorithm 1) as gradient ascent on one vector. */

/** Moves `values` in place, up `gradient`; the moments are kept between calls. */
export type AdamAscent = (values: Float64Array, gradient: Float64Array, learningRate: number) => void;

export function adamAscent(size: number): AdamAscent {
  const [beta1, beta2, epsilon] = [0.9, 0.999, 1e-8];
  const [first, second] = [new Float64Array(size), new Float64Array(size)];
  let [power1, power2] = [1, 1];
  return (values, gradient, learningRate) => {
    power1 *= beta1;
    power2 *= beta2;
    for (let i = 0; i < size; i++) {
      const g = gradient[i]!;
      first[i] = beta1 * first[i]! + (1 - beta1) * g;
      second[i] = beta2 * second[i]! + (1 - beta2) * g * g;
      values[i]! += (learningRate * (first[i]! / (1 - power1))) / (Math.sqrt(second[i]! / (1 - power2)) + epsilon);
    }
  };
}
