/**
 * Weight files that hold a Gaussian over the weights of a network instead of one network. Known by their names, there being no format:
 *   mean-field variational inference   μ with ρ (s = log(1 + e^ρ)), log σ, log σ² or σ: `weight_mu`/`weight_rho` (Blundell et al. 2015; blitz),
 *                                      `mu_kernel`/`rho_kernel` (bayesian-torch), `weight_mu`/`weight_log_sigma` (torchbnn), `locs.…`/`scales.…` (Pyro),
 *                                      `…_auto_loc`/`…_auto_scale` (NumPyro), `kernel_posterior_loc`/`kernel_posterior_untransformed_scale` (TensorFlow Probability)
 *   SWAG (Maddox et al. 2019)          `weight_mean`, `weight_sq_mean`, `weight_cov_mat_sqrt` (K × n: the last K deviations from the mean), or for all
 *                                      weights in one `w_avg`, `w2_avg`, `pre_D` (n × K) beside the network's own tensors
 * What is given has the network's own names, so that it is recognised as any other network is.
 */
import type { ScaleForm } from '../protocol/service.ts';
import type { TensorInfo, WeightFile } from './weightFile.ts';
import { showName, WeightFileError } from './weightFileError.ts';
import { weightTensors } from './weightTensors.ts';

export interface GaussianWeights {
  readonly kind: 'mean-field' | 'swag';
  /** The means as a file of one network. Closing it closes the file. */
  readonly mean: WeightFile;
  /** Standard deviations under the same names and in the same shapes; 0 for tensors that the file holds one value of. */
  readonly deviation: WeightFile;
  /** SWAG: the last K deviations from the mean, under the same names, with K as the leading axis. */
  readonly deviations: { readonly file: WeightFile; readonly rank: number } | undefined;
  /** A sentence: how the names were read. */
  readonly assumption: string;
}

const means = ['auto_loc', 'posterior_loc', 'posterior_mu', 'posterior_mean', 'mu', 'mean', 'loc', 'mus', 'means', 'locs'];
const scales: Readonly<Record<string, ScaleForm>> = {
  rho: 'softplus', posterior_rho: 'softplus', rhos: 'softplus', untransformed_scale: 'softplus', posterior_untransformed_scale: 'softplus',
  log_sigma: 'exp', logsigma: 'exp', log_std: 'exp', logstd: 'exp', log_scale: 'exp', log_sd: 'exp', log_stddev: 'exp',
  log_var: 'log-variance', logvar: 'log-variance', log_variance: 'log-variance', log_sigma2: 'log-variance',
  sigma: 'deviation', std: 'deviation', stddev: 'deviation', sd: 'deviation', scale: 'deviation', scales: 'deviation', sigmas: 'deviation', auto_scale: 'deviation', posterior_scale: 'deviation',
  var: 'variance', variance: 'variance',
};
const squares = ['sq_mean', 'sq_avg', 'mean_sq'];
const roots = ['cov_mat_sqrt', 'deviations'];

const formWords: Readonly<Record<ScaleForm, string>> = {
  softplus: 's = log(1 + e^ρ)', exp: 's = e^ρ', 'log-variance': 's = e^(ρ/2)', deviation: 'taken as standard deviations', variance: 'taken as variances',
};

type Role = 'mean' | 'scale' | 'square' | 'root';

interface Word {
  readonly role: Role;
  readonly word: string;
}

/** Longest first, so that `sq_mean` is no `mean`. */
const words: readonly Word[] = [
  ...means.map((word): Word => ({ role: 'mean', word })), ...Object.keys(scales).map((word): Word => ({ role: 'scale', word })),
  ...squares.map((word): Word => ({ role: 'square', word })), ...roots.map((word): Word => ({ role: 'root', word })),
].sort((a, b) => b.word.length - a.word.length);

interface Named extends Word {
  /** The tensor's name in a network. */
  readonly base: string;
}

/** @param asked the form of the scales, where their names mislead. @returns undefined when the file holds no Gaussian by its names */
export function gaussianWeights(file: WeightFile, asked?: ScaleForm): GaussianWeights | undefined {
  if (file.stateDicts !== undefined || file.drawAxes !== undefined) return undefined;
  const flat = flatSwag(file);
  if (flat !== undefined) return flat;
  return namedParts(file, lastComponent, asked, false) ?? namedParts(file, leadingComponent, asked, true);
}

/** `0.weight_mu`, `0.mu_weight`, `0.weight.mu`. */
function lastComponent(name: string): Named | undefined {
  const [, path = '', last = ''] = /^(.*[./])?([^./]*)$/s.exec(name) ?? [];
  if (/^(running|moving)_/.test(last)) return undefined;
  const stripped = last.replace(/_unconstrained$/, '').replace(/:0$/, '');
  for (const { role, word } of words) {
    if (stripped === word) return { role, word: wordIn(last, word), base: path.slice(0, -1) };
    if (stripped.endsWith(`_${word}`)) return { role, word: wordIn(last, word), base: path + usualName(stripped.slice(0, -word.length - 1)) };
    // Kernels with their role in front are bayesian-torch's, in PyTorch's order of axes.
    if (stripped.startsWith(`${word}_`)) return { role, word: wordIn(last, word), base: path + usualName(stripped.slice(word.length + 1)).replace(/^kernel$/, 'weight') };
  }
  return undefined;
}

/** `locs.0.weight`, `guide.scales.0.weight_unconstrained`. */
function leadingComponent(name: string): Named | undefined {
  const parts = name.split('.');
  for (const { role, word } of words) {
    const at = parts.indexOf(word);
    if (at >= 0 && at < parts.length - 1) return { role, word: wordIn(name, word), base: parts.slice(at + 1).join('.').replace(/_unconstrained$/, '') };
  }
  return undefined;
}

/** Pyro keeps a positive scale as what its softplus is taken of. */
const wordIn = (name: string, word: string): string => (name.endsWith('_unconstrained') && scales[word] === 'deviation' ? 'untransformed_scale' : word);

const usualName = (name: string): string => ({ W: 'weight', w: 'weight', b: 'bias' })[name] ?? name;

/** Priors, noise of the last forward pass, second names of the same tensors, counters: what a layer keeps beside its distribution. */
const isAside = (name: string): boolean => /(^|[._/])prior([._]|$)|prior_|(^|[./_])eps(ilon)?(_|$)|(^|[./])eps_|(^|[._/])n_models$|_sampler\./.test(name);

interface Part {
  readonly info: TensorInfo;
  readonly mean: Reader;
  readonly deviation: Reader;
  readonly deviations: Reader | undefined;
}

type Reader = (start: number, end: number) => Promise<Float64Array>;

function namedParts(file: WeightFile, nameOf: (name: string) => Named | undefined, asked: ScaleForm | undefined, exclusive: boolean): GaussianWeights | undefined {
  const groups = new Map<string, Map<Role, { readonly tensor: TensorInfo; readonly word: string }>>();
  const single: { readonly name: string; readonly tensor: TensorInfo }[] = [];
  for (const { tensor, shortName } of weightTensors(file)) {
    if (isAside(shortName)) continue;
    const named = nameOf(shortName);
    if (named === undefined || named.base === '') {
      single.push({ name: shortName, tensor });
      continue;
    }
    const group = groups.get(named.base) ?? new Map<Role, { tensor: TensorInfo; word: string }>();
    group.set(named.role, { tensor, word: named.word });
    groups.set(named.base, group);
  }
  const parts: Part[] = [];
  const found = new Set<string>();
  const drawn: TensorInfo[] = [];
  let rank: number | undefined;
  let swag = false;
  let form: ScaleForm | undefined;
  for (const [base, group] of groups) {
    const [mean, scale, square, root] = (['mean', 'scale', 'square', 'root'] as const).map((role) => group.get(role));
    const partner = square ?? scale;
    if (mean === undefined || (partner !== undefined && partner.tensor.shape.join() !== mean.tensor.shape.join())) {
      for (const { tensor } of group.values()) single.push({ name: weightTensors(file).find((weight) => weight.tensor === tensor)?.shortName ?? tensor.name, tensor });
      continue;
    }
    const info: TensorInfo = { ...mean.tensor, name: base };
    const readMean: Reader = (start, end) => file.read(mean.tensor.name, start, end);
    if (partner === undefined) {
      parts.push({ info, mean: readMean, deviation: zeros, deviations: undefined });
      continue;
    }
    found.add(`${mean.word}/${partner.word}`);
    drawn.push(info);
    if (square === undefined) {
      const own = asked ?? scales[partner.word] ?? 'deviation';
      form ??= own;
      parts.push({ info, mean: readMean, deviation: async (start, end) => deviationsOf(own, await file.read(partner.tensor.name, start, end), file.path, partner.tensor.name), deviations: undefined });
      continue;
    }
    swag = true;
    const rows = root?.tensor.shape[0] ?? 0;
    if (root !== undefined && (root.tensor.elements !== rows * mean.tensor.elements || (rank !== undefined && rank !== rows))) {
      throw new WeightFileError(file.path, `tensor "${showName(root.tensor.name)}"`, `has shape [${root.tensor.shape.join(', ')}]; of SWAG's deviations [${rank ?? 'K'}, ${mean.tensor.elements}] are expected, as many rows for every tensor`);
    }
    rank = rows;
    parts.push({
      info, mean: readMean,
      deviation: async (start, end) => spread(await readMean(start, end), await file.read(square.tensor.name, start, end)),
      deviations: root === undefined ? undefined : (start, end) => file.read(root.tensor.name, start, end),
    });
  }
  if (found.size === 0 || (exclusive && single.length > 0) || !areWeights(drawn, single.map(({ tensor }) => tensor))) return undefined;
  const bases = new Set(parts.map(({ info }) => info.name));
  for (const { name, tensor } of single) {
    if (!bases.has(name)) parts.push({ info: { ...tensor, name }, mean: (start, end) => file.read(tensor.name, start, end), deviation: zeros, deviations: undefined });
  }
  const names = [...found].join(', ');
  return {
    kind: swag ? 'swag' : 'mean-field',
    ...views(file, parts, rank ?? 0),
    assumption: swag
      ? `A Gaussian by SWAG's moments (${names}): mean, diagonal variance${(rank ?? 0) > 0 ? ` and ${rank} deviations` : ''}.`
      : `A mean-field Gaussian (${names}; ${formWords[form ?? 'deviation']}${asked === undefined ? '' : ', as asked'}).`,
  };
}

/** Of weights, by their names or because they are most of the file: running statistics (`BatchNorm_0/mean`, `/var`) and the scaling of inputs are pairs, too. */
function areWeights(drawn: readonly TensorInfo[], single: readonly TensorInfo[]): boolean {
  const count = (tensors: readonly TensorInfo[]): number => tensors.reduce((sum, { elements }) => sum + elements, 0);
  return drawn.some(({ name }) => /(^|[./_])(weights?|kernel|bias)$/.test(name)) || count(drawn) > count(single);
}

/** One vector of all weights, in the order of the network's tensors in the file. */
function flatSwag(file: WeightFile): GaussianWeights | undefined {
  const all = weightTensors(file);
  const find = (word: string): TensorInfo | undefined => all.find(({ shortName }) => shortName === word || shortName.endsWith(`.${word}`))?.tensor;
  const [mean, square, root] = [find('w_avg'), find('w2_avg'), find('pre_D')];
  if (mean === undefined || square === undefined) return undefined;
  const aside = new Set([mean, square, root]);
  const tensors = all.filter(({ tensor, shortName }) => !aside.has(tensor) && !/(^|\.)(running_mean|running_var|num_batches_tracked|n_models)$/.test(shortName));
  const count = tensors.reduce((sum, { tensor }) => sum + tensor.elements, 0);
  const rank = root === undefined ? 0 : root.elements / mean.elements;
  if (mean.elements !== count || square.elements !== count || !Number.isInteger(rank)) {
    throw new WeightFileError(file.path, `tensor "${showName(mean.name)}"`, `holds ${mean.elements} means of weights; the network's own tensors beside it have ${count}, and the mean squares ${square.elements}`);
  }
  let offset = 0;
  const parts = tensors.map(({ tensor, shortName }): Part => {
    const first = offset;
    offset += tensor.elements;
    const readMean: Reader = (start, end) => file.read(mean.name, first + start, first + end);
    return {
      info: { ...tensor, name: shortName }, mean: readMean,
      deviation: async (start, end) => spread(await readMean(start, end), await file.read(square.name, first + start, first + end)),
      deviations: root === undefined ? undefined : async (start, end) => {
        const columns = await file.read(root.name, first * rank, (first + tensor.elements) * rank);
        return Float64Array.from({ length: end - start }, (_, k) => columns[((start + k) % tensor.elements) * rank + Math.floor((start + k) / tensor.elements)]!);
      },
    };
  });
  return { kind: 'swag', ...views(file, parts, rank), assumption: `A Gaussian by SWAG's moments (w_avg, w2_avg${rank > 0 ? `, pre_D with ${rank} deviations` : ''}), in the order of the network's tensors in the file.` };
}

function views(file: WeightFile, parts: readonly Part[], rank: number): Pick<GaussianWeights, 'mean' | 'deviation' | 'deviations'> {
  return {
    mean: view(file, parts, ({ mean }) => mean, []),
    deviation: view(file, parts, ({ deviation }) => deviation, []),
    deviations: rank === 0 ? undefined : { rank, file: view(file, parts, ({ deviations }) => deviations ?? zeros, [rank]) },
  };
}

function view(file: WeightFile, parts: readonly Part[], pick: (part: Part) => Reader, leading: readonly number[]): WeightFile {
  const scale = leading[0] ?? 1;
  const byName = new Map(parts.map((part) => [part.info.name, { read: pick(part), info: { ...part.info, shape: [...leading, ...part.info.shape], elements: scale * part.info.elements, bytes: scale * part.info.bytes } }]));
  return {
    path: file.path, format: file.format, fileBytes: file.fileBytes, metadata: file.metadata, warnings: file.warnings,
    tensors: [...byName.values()].map(({ info }) => info),
    tensor: (name) => byName.get(name)?.info,
    read(name, start = 0, end) {
      const found = byName.get(name);
      if (found === undefined) throw new WeightFileError(file.path, `tensor "${showName(name)}"`, 'is not there');
      return found.read(start, end ?? found.info.elements);
    },
    close: () => file.close(),
  };
}

const zeros: Reader = (start, end) => Promise.resolve(new Float64Array(end - start));

/** √(mean of w² − mean²), at least 0: rounding makes the difference of equal numbers negative. */
const spread = (mean: Float64Array, square: Float64Array): Float64Array => square.map((value, i) => Math.sqrt(Math.max(0, value - mean[i]! ** 2)));

function deviationsOf(form: ScaleForm, values: Float64Array, path: string, name: string): Float64Array {
  switch (form) {
    case 'softplus':
      return values.map((rho) => Math.max(rho, 0) + Math.log1p(Math.exp(-Math.abs(rho))));
    case 'exp':
      return values.map(Math.exp);
    case 'log-variance':
      return values.map((value) => Math.exp(value / 2));
    case 'deviation':
    case 'variance': {
      const negative = values.find((value) => value < 0);
      if (negative !== undefined) throw new WeightFileError(path, `tensor "${showName(name)}"`, `holds ${negative}, which is no ${form === 'variance' ? 'variance' : 'standard deviation'}; if it is what a softplus or an exponential is taken of, say so (--scale softplus, exp or log-variance)`);
      return form === 'variance' ? values.map(Math.sqrt) : values;
    }
  }
}
