/**
 * The example `two-neurons`: ten thousand 2-2-1 ReLU networks trained here, as draws of a posterior whose copies
 * are plain to see (posterior/twoNeurons.ts), with their data, a description and a README.
 */
import { seededRandom } from '../linalg/random.ts';
import { classLabels, readData, requireInputWidth } from '../network/data.ts';
import { commonAxis, histogram } from '../posterior/density.ts';
import { gaussianClasses, KEPT_LOSS, trainTwoNeuronEnsemble, twoNeuronNetwork, type PlanarClasses, type TwoNeuronEnsemble } from '../posterior/twoNeurons.ts';
import { formatBytes, formatCount, formatNumber, formatSeconds } from '../protocol/format.ts';
import type { Report } from '../protocol/report.ts';
import type { JobContext } from '../protocol/rpc.ts';
import type { ExampleRequest } from '../protocol/service.ts';
import { MemoryLimitError, UserError } from '../protocol/userError.ts';
import type { NamedArray } from '../weights/npzWriter.ts';
import { WeightFileError } from '../weights/weightFileError.ts';
import { requireFreeNames, writeExample } from './exampleFolder.ts';
import { startProvenance } from './provenance.ts';

export async function twoNeuronsExample(request: ExampleRequest, context: JobContext): Promise<Report> {
  const provenance = startProvenance(request.seed);
  // Draws as trained, as kept, and as arrays of the file; losses.
  const bytes = request.networks * 8 * (3 * twoNeuronNetwork.parameters + 1);
  if (bytes > context.memoryLimitBytes) throw new MemoryLimitError(`${formatCount(request.networks)} networks need about ${formatBytes(bytes)}, the limit is ${formatBytes(context.memoryLimitBytes)}; train fewer`);
  const random = seededRandom(request.seed);
  const data = request.data === undefined ? gaussianClasses(random) : await planarClasses(request.data);
  await requireFreeNames(request.out, FILES, request.overwrite);
  const started = performance.now();
  const ensemble = await trainTwoNeuronEnsemble(data, request.networks, random, {
    signal: context.signal,
    progress(done) {
      context.progress({ message: `Training network ${formatCount(done)} of ${formatCount(request.networks)}`, fraction: done / request.networks });
    },
  });
  const trainingSeconds = (performance.now() - started) / 1000;
  if (ensemble.kept === 0) throw new UserError(`none of the ${formatCount(ensemble.trained)} networks reached a mean loss of ${KEPT_LOSS}; check the data, two classes that a line almost separates`);

  const files = await writeTwoNeurons(request, data, ensemble);
  const share = ensemble.kept / ensemble.trained;
  const logLosses = ensemble.losses.map((loss) => Math.log10(Math.max(loss, Number.MIN_VALUE)));
  const axis = commonAxis([logLosses], 80, 0.98);
  return {
    analysis: 'example',
    title: 'Example two-neurons',
    summary: `${formatCount(ensemble.kept)} of ${formatCount(ensemble.trained)} networks kept, written to ${request.out}; README.md there says what to ask of it.`,
    sources: request.data === undefined ? [] : [request.data],
    sections: [
      {
        kind: 'figures',
        id: 'training',
        title: 'Training',
        meaning: `Each 2-2-1 ReLU network was trained from its own initialisation (SGD, learning rate 2, batches of 10, 10 epochs) and kept when the mean loss of its last epoch was at most ${KEPT_LOSS}.`,
        figures: [
          { label: 'Networks trained', value: formatCount(ensemble.trained) },
          { label: 'Kept', value: formatCount(ensemble.kept), detail: `${formatNumber(100 * share, 3)} %` },
          { label: 'Data points', value: formatCount(data.y.length), detail: request.data === undefined ? 'generated from the seed' : 'from your file' },
          { label: 'Training time', value: formatSeconds(trainingSeconds) },
        ],
      },
      {
        kind: 'histogram',
        id: 'losses',
        title: 'Loss of the last epoch',
        meaning: `Most networks end near the same loss; those right of log10 ${KEPT_LOSS} = ${formatNumber(Math.log10(KEPT_LOSS))} did not find the boundary and were dropped.`,
        xLabel: 'log10 of the mean loss',
        axis,
        series: [{ label: 'all networks', counts: histogram(logLosses, axis).counts }],
      },
    ],
    warnings: share < 0.95 ? [`Only ${formatNumber(100 * share, 3)} % of the networks were kept; with data that a line almost separates it is 95 % or more.`] : [],
    result: { name: request.name, out: request.out, files, trained: ensemble.trained, kept: ensemble.kept, dataPoints: data.y.length, trainingSeconds, seed: request.seed },
    provenance: provenance(),
  };
}

/** @throws WeightFileError when the file's points are not in the plane or its labels not two classes */
async function planarClasses(file: string): Promise<PlanarClasses> {
  const data = await readData(file);
  requireInputWidth(data, 2);
  const labels = classLabels(data, 2);
  if (labels === undefined) throw new WeightFileError(file, '', 'has inputs x but no labels y; training needs a class 0 or 1 for every row');
  return { x: data.x, y: Float64Array.from(labels) };
}

const README = `# Two neurons

Draws of the posterior over the weights of a network with two hidden ReLU units, 2-2-1 (Laurent et al. 2023, figure 1).

| file | holds |
|---|---|
| \`draws.npz\` | every kept network: each parameter with a leading draw axis |
| \`draws.network.json\` | which tensors form which layers |
| \`network.safetensors\` | the first of these networks alone, to try the other commands on |
| \`network.network.json\` | its description |
| \`data.npz\` | the data they were trained on: \`x\` (N × 2), \`y\` (N) |

    quotient posterior draws.npz --html posterior.html
    quotient rank network.safetensors --data data.npz --likelihood bernoulli
    quotient canonicalize network.safetensors --out canonical

In VS Code: right-click \`draws.npz\` and choose Quotient, Posterior over Weights.
`;

const FILES = ['README.md', 'data.npz', 'draws.network.json', 'draws.npz', 'network.network.json', 'network.safetensors'] as const;

const DESCRIPTION = `${JSON.stringify({ input: [2], layers: [{ dense: '0', activation: 'relu' }, { dense: '2' }] }, null, 2)}\n`;

async function writeTwoNeurons({ out, overwrite }: ExampleRequest, data: PlanarClasses, ensemble: TwoNeuronEnsemble): Promise<string[]> {
  const size = twoNeuronNetwork.parameters;
  const { blocks } = twoNeuronNetwork;
  const stacked = blocks.map(({ tensor, offset, length, shape }): NamedArray => {
    const values = new Float64Array(ensemble.kept * length);
    for (let m = 0; m < ensemble.kept; m++) values.set(ensemble.draws.subarray(m * size + offset, m * size + offset + length), m * length);
    return { name: tensor, shape: [ensemble.kept, ...shape], values };
  });
  return writeExample<(typeof FILES)[number]>(out, {
    'README.md': { text: README },
    'data.npz': { arrays: [{ name: 'x', shape: [data.y.length, 2], values: data.x }, { name: 'y', shape: [data.y.length], values: data.y }] },
    'draws.network.json': { text: DESCRIPTION },
    'draws.npz': { arrays: stacked },
    'network.network.json': { text: DESCRIPTION },
    'network.safetensors': { network: twoNeuronNetwork, state: ensemble.draws.slice(0, size) },
  }, overwrite);
}
