/** The example `sine`: one-dimensional regression with a gap in the data (posterior/sine.ts), for `predict`. */
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { writeDescription } from '../network/writeDescription.ts';
import { sineNetwork, sinePoints, SINE_NOISE, SINE_PRIOR_PRECISION, trainSine } from '../posterior/sine.ts';
import { formatCount, formatNumber, formatSeconds } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { ExampleRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { requireFreeNames, writeExample, type ExampleFile } from './exampleFolder.ts';
import { startProvenance } from './provenance.ts';

const FILES = ['README.md', 'data.npz', 'network.network.json', 'network.safetensors', 'test.npz'] as const;
const TRAINING_POINTS = 40;
const TEST_POINTS = 200;

const README = `# Sine

Regression of a sine with a gap in the data, and a tanh network 1-24-24-1 at the mode of its posterior.

| file | holds |
|---|---|
| \`network.safetensors\` | the network at the mode ŵ |
| \`network.network.json\` | its description |
| \`data.npz\` | the ${TRAINING_POINTS} points it was trained on: \`x\`, \`y\` |
| \`test.npz\` | ${TEST_POINTS} more from the same distribution |

    quotient predict network.safetensors --data data.npz --test test.npz --noise ${SINE_NOISE} --prior-precision ${SINE_PRIOR_PRECISION} --html predict.html
    quotient rank network.safetensors --data data.npz --noise ${SINE_NOISE} --prior-precision ${SINE_PRIOR_PRECISION}

In VS Code: right-click \`network.safetensors\` and choose Quotient, Posterior Predictive.
`;

export async function sineExample(request: ExampleRequest, context: JobContext): Promise<Report> {
  if (request.data !== undefined) throw new UserError('the example sine makes its own data; leave --data out');
  const provenance = startProvenance(request.seed);
  await requireFreeNames(request.out, FILES, request.overwrite);
  const random = seededRandom(request.seed);
  const training = sinePoints(TRAINING_POINTS, random);
  const test = sinePoints(TEST_POINTS, random);
  const started = performance.now();
  const { state, gradientNorm } = await interruptibly(trainSine(training, random, (fraction) => { context.progress({ message: 'Training to the mode', fraction }); }), context.signal);
  const seconds = (performance.now() - started) / 1000;

  const { out, overwrite } = request;
  const arrays = ({ x, y }: typeof training): ExampleFile => ({ arrays: [{ name: 'x', shape: [x.length, 1], values: x }, { name: 'y', shape: [y.length, 1], values: y }] });
  const files = await writeExample<(typeof FILES)[number]>(out, {
    'README.md': { text: README },
    'data.npz': arrays(training),
    'network.network.json': { text: `${writeDescription(sineNetwork)}\n` },
    'network.safetensors': { network: sineNetwork, state },
    'test.npz': arrays(test),
  }, overwrite);
  return {
    analysis: 'example',
    title: 'Example sine',
    summary: `A tanh network 1-24-24-1 trained to the mode of its posterior on ${TRAINING_POINTS} points, written to ${out}; README.md there says what to ask of it.`,
    sources: [],
    sections: [{
      kind: 'figures', id: 'training', title: 'Training', meaning: 'Adam and L-BFGS on the log-posterior of all data; at a mode its gradient is zero.',
      figures: [
        { label: 'Training points', value: formatCount(TRAINING_POINTS), detail: 'on [-4, -1] and [1, 4], none between' },
        { label: 'Noise', value: String(SINE_NOISE), detail: 'standard deviation' },
        { label: 'Prior precision', value: String(SINE_PRIOR_PRECISION) },
        { label: 'Gradient of the log posterior', value: formatNumber(gradientNorm, 3), detail: '0 at a mode' },
        { label: 'Training time', value: formatSeconds(seconds) },
      ],
    }],
    warnings: [],
    result: { name: request.name, out, files, dataPoints: TRAINING_POINTS, noise: SINE_NOISE, priorPrecision: SINE_PRIOR_PRECISION, gradientNorm, trainingSeconds: seconds, seed: request.seed },
    provenance: provenance(),
  };
}
