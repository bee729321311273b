/** The example `sine`: one-dimensional regression with a gap in the data (posterior/sine.ts), for `predict`. */
import path from 'node:path';
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { tensorValues } from '../network/parameters.ts';
import { writeDescription } from '../network/writeDescription.ts';
import { sineNetwork, sinePoints, SINE_NOISE, SINE_PRIOR_PRECISION, trainSine } from '../posterior/sine.ts';
import { formatCount, formatNumber, formatSeconds } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { ExampleRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { writeAtomically } from '../weights/atomicWrite.ts';
import { encodeElements } from '../weights/dtype.ts';
import { writeNpz } from '../weights/npzWriter.ts';
import { writeSafetensors } from '../weights/safetensorsWriter.ts';
import { requireFreeNames } from './exampleFolder.ts';
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
  const tensors = sineNetwork.blocks.map((block) => ({ name: block.tensor, dtype: 'F64' as const, shape: block.fileShape, bytes: encodeElements('F64', tensorValues(state, block)) }));
  const text = (content: string) => (file: string) => writeAtomically(file, { overwrite }, async (handle) => { await handle.writeFile(content); });
  const arrays = ({ x, y }: typeof training) => (file: string) => writeNpz(file, [{ name: 'x', shape: [x.length, 1], values: x }, { name: 'y', shape: [y.length, 1], values: y }], { overwrite });
  const write: Record<(typeof FILES)[number], (file: string) => Promise<void>> = {
    'README.md': text(README),
    'data.npz': arrays(training),
    'network.network.json': text(`${writeDescription(sineNetwork)}\n`),
    'network.safetensors': (file) => writeSafetensors(file, tensors, {}, { overwrite }),
    'test.npz': arrays(test),
  };
  for (const name of FILES) await write[name](path.join(out, name));
  return {
    analysis: 'example',
    title: 'Example sine',
    summary: `A tanh network 1-24-24-1 trained to the mode of its posterior on ${TRAINING_POINTS} points, written to ${out}.`,
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
    result: { name: request.name, out, files: FILES.map((file) => path.join(out, file)), dataPoints: TRAINING_POINTS, noise: SINE_NOISE, priorPrecision: SINE_PRIOR_PRECISION, gradientNorm, trainingSeconds: seconds, seed: request.seed },
    provenance: provenance(),
  };
}
