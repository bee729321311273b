/** The example `digits`: a real classification set, small enough to ship, and a network trained on a hundred of its images (posterior/digits.ts). */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { interruptibly } from '../linalg/interruptible.ts';
import { seededRandom } from '../linalg/random.ts';
import { readData } from '../network/data.ts';
import { forward } from '../network/forward.ts';
import { blockValues } from '../network/network.ts';
import { writeDescription } from '../network/writeDescription.ts';
import { digitNetwork, DIGIT_PRIOR_PRECISION, DIGIT_SIDE, trainDigits, type Digits } from '../posterior/digits.ts';
import { formatCount, formatNumber, formatSeconds } from '../protocol/format.ts';
import type { FieldPanel, FieldsSection, Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { ExampleRequest } from '../protocol/service.ts';
import { UserError } from '../protocol/userError.ts';
import { requireFreeNames, writeExample, type ExampleFile } from './exampleFolder.ts';
import { startProvenance } from './provenance.ts';

const FILES = ['README.md', 'data.npz', 'network.network.json', 'network.safetensors', 'test.npz'] as const;
const TRAINING_IMAGES = 100;
const EPOCHS = 2000;
/** Pixels of the file run up to it. */
const BRIGHTEST = 16;
const PIXELS = DIGIT_SIDE ** 2;
const SOURCE = 'E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (1998), UCI Machine Learning Repository, CC BY 4.0';

const readme = (test: number): string => `# Digits

Handwritten digits of 8 × 8 pixels, and a ReLU network 64-24-10 at a mode of its posterior, trained on ten images of each digit.
Images: ${SOURCE}.

| file | holds |
|---|---|
| \`network.safetensors\` | the network at the mode ŵ |
| \`network.network.json\` | its description |
| \`data.npz\` | the ${TRAINING_IMAGES} images it was trained on: \`x\`, pixels from 0 to 1, and \`y\`, the digit |
| \`test.npz\` | ${test} more |

    quotient predict network.safetensors --data data.npz --test test.npz --likelihood categorical --prior-precision ${DIGIT_PRIOR_PRECISION} --method sampled,linearized,projected,last-layer --html predict.html
    quotient rank network.safetensors --data data.npz --likelihood categorical --prior-precision ${DIGIT_PRIOR_PRECISION}

In VS Code: right-click \`network.safetensors\` and choose Quotient, Posterior Predictive.
`;

export async function digitsExample(request: ExampleRequest, context: JobContext): Promise<Report> {
  if (request.data !== undefined) throw new UserError('the example digits brings its own data; leave --data out');
  const provenance = startProvenance(request.seed);
  await requireFreeNames(request.out, FILES, request.overwrite);
  const all = await bundledDigits();
  const training: Digits = { x: all.x.slice(0, TRAINING_IMAGES * PIXELS), y: all.y.slice(0, TRAINING_IMAGES) };
  const test: Digits = { x: all.x.slice(TRAINING_IMAGES * PIXELS), y: all.y.slice(TRAINING_IMAGES) };
  const started = performance.now();
  const { state, gradientNorm } = await interruptibly(trainDigits(training, seededRandom(request.seed), EPOCHS, (epoch) => {
    if (epoch % 50 === 0) context.progress({ message: `Training: epoch ${formatCount(epoch)} of ${formatCount(EPOCHS)}`, fraction: epoch / EPOCHS });
  }), context.signal);
  const seconds = (performance.now() - started) / 1000;
  const [trainAccuracy, testAccuracy] = [accuracy(state, training), accuracy(state, test)];

  const { out, overwrite } = request;
  const arrays = ({ x, y }: Digits): ExampleFile => ({ arrays: [{ name: 'x', shape: [y.length, DIGIT_SIDE, DIGIT_SIDE], values: x }, { name: 'y', shape: [y.length], values: y }] });
  const files = await writeExample<(typeof FILES)[number]>(out, {
    'README.md': { text: readme(test.y.length) },
    'data.npz': arrays(training),
    'network.network.json': { text: `${writeDescription(digitNetwork)}\n` },
    'network.safetensors': { network: digitNetwork, state },
    'test.npz': arrays(test),
  }, overwrite);
  return {
    analysis: 'example',
    title: 'Example digits',
    summary: `A ReLU network 64-24-10 trained to a mode of its posterior on ${TRAINING_IMAGES} handwritten digits, right on ${formatNumber(100 * testAccuracy, 3)} % of ${test.y.length} others, written to ${out}; README.md there says what to ask of it.`,
    sources: [],
    sections: [
      images(training),
      unitPictures(state),
      {
        kind: 'figures', id: 'training', title: 'Training', meaning: `Full-batch Adam on the log-posterior; at a mode its gradient is zero. Images: ${SOURCE}.`,
        figures: [
          { label: 'Training images', value: formatCount(TRAINING_IMAGES), detail: `${TRAINING_IMAGES / 10} of each digit` },
          { label: 'Parameters', value: formatCount(digitNetwork.parameters) },
          { label: 'Prior precision', value: String(DIGIT_PRIOR_PRECISION) },
          { label: 'Accuracy', value: `${formatNumber(100 * testAccuracy, 3)} %`, detail: `on ${test.y.length} test images; ${formatNumber(100 * trainAccuracy, 3)} % on the training images` },
          { label: 'Gradient of the log posterior', value: formatNumber(gradientNorm, 3), detail: '0 at a mode' },
          { label: 'Training time', value: formatSeconds(seconds) },
        ],
      },
    ],
    warnings: [],
    result: {
      name: request.name, out, files, dataPoints: TRAINING_IMAGES, testPoints: test.y.length, priorPrecision: DIGIT_PRIOR_PRECISION, trainAccuracy, testAccuracy, gradientNorm,
      trainingSeconds: seconds, seed: request.seed,
    },
    provenance: provenance(),
  };
}

/** Beside the bundle, or in the source tree. */
async function bundledDigits(): Promise<Digits> {
  const places = ['../media/digits.npz', '../../media/digits.npz'].map((place) => path.join(import.meta.dirname, place));
  const file = places.find((place) => existsSync(place));
  if (file === undefined) throw new UserError('the images of the example digits are missing from this installation; install the extension again');
  const { x, y } = await readData(file);
  if (y === undefined) throw new UserError(`${file} has no labels; install the extension again`);
  return { x: x.map((pixel) => pixel / BRIGHTEST), y };
}

function accuracy(state: Float64Array, { x, y }: Digits): number {
  const outputs = forward(digitNetwork, state, x);
  let right = 0;
  y.forEach((digit, n) => {
    const row = outputs.subarray(10 * n, 10 * (n + 1));
    if (row.indexOf(Math.max(...row)) === digit) right++;
  });
  return right / y.length;
}

/** Three of each digit. */
function images({ x }: Digits): FieldsSection {
  return {
    kind: 'fields', id: 'images', title: 'Some of the training images', meaning: 'Three of the ten images of each digit from which everything is learnt.', xLabel: '', yLabel: '', valueLabel: 'ink', colours: 'sequential',
    panels: [{ title: 'Digits 0 to 9', meaning: '', ...montage(30, 10, (n) => x.subarray(n * PIXELS, (n + 1) * PIXELS)), curves: [], points: [] }],
  };
}

/** Incoming weights of the hidden units as images, those with the largest outgoing weights first. */
function unitPictures(state: Float64Array): FieldsSection {
  const [incoming, , outgoing] = digitNetwork.blocks;
  const units = incoming?.shape[0] ?? 0;
  const [rows, columns] = [incoming, outgoing].map((block) => (block === undefined ? new Float64Array() : blockValues(state, block))) as [Float64Array, Float64Array];
  const size = (unit: number): number => Array.from({ length: 10 }, (_, o) => columns[o * units + unit]!).reduce((sum, weight) => sum + weight * weight, 0);
  const order = Array.from({ length: units }, (_, unit) => unit).sort((a, b) => size(b) - size(a));
  return {
    kind: 'fields', id: 'units', title: 'What the hidden units look for', meaning: 'The incoming weights of each hidden unit over the pixels, the unit with the largest outgoing weights first. In whichever order they stand, and multiplied by any positive number that its outgoing weights are divided by, the function is the same.',
    xLabel: '', yLabel: '', valueLabel: 'weight', colours: 'diverging',
    panels: [{ title: `${units} hidden units`, meaning: '', ...montage(units, 8, (k) => rows.subarray(order[k]! * PIXELS, (order[k]! + 1) * PIXELS)), curves: [], points: [] }],
  };
}

/** Pictures of 8 × 8 pixels beside and below each other, one empty cell between them. */
function montage(count: number, across: number, picture: (k: number) => Float64Array): Pick<FieldPanel, 'x' | 'y' | 'values'> {
  const down = Math.ceil(count / across);
  const step = DIGIT_SIDE + 1;
  const [width, height] = [across * step - 1, down * step - 1];
  const values = new Array<number | null>(width * height).fill(null);
  for (let k = 0; k < count; k++) {
    const [left, top] = [(k % across) * step, Math.floor(k / across) * step];
    picture(k).forEach((value, i) => { values[(top + Math.floor(i / DIGIT_SIDE)) * width + left + (i % DIGIT_SIDE)] = value; });
  }
  return { x: { min: 0, max: width, bins: width }, y: { min: 0, max: height, bins: height, direction: 'down' }, values };
}
