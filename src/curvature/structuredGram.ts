/**
 * The Gram matrix K = (H^{1/2}J)(H^{1/2}J)ᵀ of few rows and many parameters, layer by layer, without the N·S × D Jacobian:
 *   dense        (A Aᵀ + 1_bias) ∘ (B Bᵀ), A the layer's inputs, B its weighted cotangents (Novak et al. 2022);
 *   convolution  per-sample gradients in tiles of output channels, one rank-k update a tile;
 *   rows         explicit rows for everything small (normalisations, slopes, biases) and for blocks that several nodes share, whose
 *                gradients have to be summed before they are multiplied.
 * Factors are collected in passes over the data, as many layers a pass as fit into a budget.
 */
import { addGramDoubles, gramAdder, rankK } from '../linalg/dense/gram.ts';
import { sharedEngine, type Scope } from '../linalg/engine/engine.ts';
import { packingDoubles, packingSpace, product, type PackingSpace } from '../linalg/engine/product.ts';
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { convolutionTiles, convolutionTilesDoubles } from '../network/convolutionOnEngine.ts';
import { type Block, blocksOf, type Network, type NodeOf, valueSize } from '../network/network.ts';
import { addParameterGradients } from '../network/parameterGradients.ts';
import { pullBack } from '../network/reverse.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { chunkAt, eachChunk, inputsPerPass } from './weightedJacobian.ts';
import { inputCount, rowCount, rowsPerInput, type CurvatureProblem } from './problem.ts';

export type GramPiece =
  | { readonly kind: 'dense'; readonly node: NodeOf<'dense'>; readonly numbers: number }
  | { readonly kind: 'conv'; readonly node: NodeOf<'conv'>; readonly numbers: number }
  | { readonly kind: 'rows'; readonly blocks: readonly Block[]; readonly columns: number; readonly numbers: number };

/** The blocks whose gradients make up a piece. */
export function blocksOfPiece(piece: GramPiece): readonly Block[] {
  if (piece.kind === 'rows') return piece.blocks;
  const { node } = piece;
  return piece.kind === 'dense' && node.bias !== undefined ? [node.weight, node.bias] : [node.weight];
}

/** Numbers that a pass may keep: 256 MB, or one layer's when that is more. */
const PASS_NUMBERS = 2 ** 25;
/** Numbers of a tile of per-sample gradients: 32 MB. */
const TILE_NUMBERS = 2 ** 22;
/** Rows of the Gram matrix that are updated together. */
const BLOCK_ROWS = 256;

export interface GramPlan {
  readonly passes: readonly (readonly GramPiece[])[];
  /** Numbers needed at the peak beside the Gram matrix itself. */
  readonly numbers: number;
  /** Multiplications of all updates. */
  readonly products: number;
}

/**
 * @param inputs N, with `seeds` rows each
 * @param joined whether small blocks may share a piece, which is faster; apart, each has its own
 */
export function planGram(network: Network, inputs: number, seeds: number, joined = true): GramPlan {
  const rows = inputs * seeds;
  const pieces = gramPieces(network, inputs, rows, joined);
  const passes: GramPiece[][] = [];
  let numbers = 0;
  let most = 0;
  for (const piece of pieces) {
    const last = passes.at(-1);
    if (last === undefined || numbers + piece.numbers > PASS_NUMBERS) {
      passes.push([piece]);
      numbers = piece.numbers;
    } else {
      last.push(piece);
      numbers += piece.numbers;
    }
    most = Math.max(most, numbers);
  }
  const columns = pieces.reduce((sum, piece) => sum + (piece.kind === 'dense' ? piece.node.shape[0]! + piece.node.weight.shape[1]! / seeds : piece.kind === 'conv' ? piece.node.weight.length : piece.columns), 0);
  // What takes turns on the engine: the factors of a dense layer with blocks of rows, or a tile of a convolution.
  const onEngine = Math.max(0, ...pieces.map((piece) => (piece.kind === 'dense' ? piece.numbers : piece.kind === 'conv' ? TILE_NUMBERS : 0)));
  return { passes, numbers: most + onEngine + 2 * BLOCK_ROWS * rows, products: 0.5 * rows * rows * columns };
}

/** Every trainable block is in one piece, whole. */
function gramPieces(network: Network, inputs: number, rows: number, joined: boolean): GramPiece[] {
  const uses = new Map<Block, number>();
  for (const node of network.nodes) for (const block of new Set(blocksOf(node))) uses.set(block, (uses.get(block) ?? 0) + 1);
  const pieces: GramPiece[] = [];
  const explicit = new Set(network.blocks.filter(({ trainable }) => trainable));
  for (const node of network.nodes) {
    if ((node.op !== 'dense' && node.op !== 'conv') || uses.get(node.weight) !== 1) continue;
    const inputSize = valueSize(network.nodes[node.inputs[0]!]!.shape);
    const factors = inputs * inputSize + rows * valueSize(node.shape);
    if (node.op === 'dense' && (node.bias === undefined || uses.get(node.bias) === 1)) {
      pieces.push({ kind: 'dense', node, numbers: factors });
      explicit.delete(node.weight);
      if (node.bias !== undefined) explicit.delete(node.bias);
    } else if (node.op === 'conv' && factors < rows * node.weight.length) {
      pieces.push({ kind: 'conv', node, numbers: factors });
      explicit.delete(node.weight);
    }
  }
  return [...pieces, ...rowsPieces([...explicit], rows, joined)];
}

/** Blocks joined while their rows stay within a tile; of each, rows × columns numbers. */
function rowsPieces(blocks: readonly Block[], rows: number, joined: boolean): GramPiece[] {
  const pieces: { kind: 'rows'; blocks: Block[]; columns: number; numbers: number }[] = [];
  for (const block of blocks) {
    const last = pieces.at(-1);
    const columns = (last?.columns ?? 0) + block.length;
    if (last === undefined || !joined || rows * columns > TILE_NUMBERS) pieces.push({ kind: 'rows', blocks: [block], columns: block.length, numbers: rows * block.length });
    else {
      last.blocks.push(block);
      last.columns = columns;
      last.numbers = rows * columns;
    }
  }
  return pieces;
}

/** What a pass collects of a piece: `inputs` N × in and `cotangents` rows × out, or explicit `rows`. */
interface Factors<Kind extends 'dense' | 'conv' = 'dense' | 'conv'> {
  readonly kind: 'factors';
  readonly piece: Extract<GramPiece, { kind: Kind }>;
  readonly inputs: Float64Array;
  readonly cotangents: Float64Array;
}
interface Rows {
  readonly kind: 'rows';
  readonly piece: Extract<GramPiece, { kind: 'rows' }>;
  readonly rows: Float64Array;
  readonly columnOf: (block: Block) => number | undefined;
}
type Collected = Factors | Rows;

/**
 * Adds K to `gram`.
 * @param plan of `planGram`
 * @param gram n × n with n = N·S; of the result the lower triangle counts, the upper one is left undefined
 * @param share of the whole task that this is
 */
export async function structuredGram(problem: CurvatureProblem, plan: GramPlan, gram: Float64Array, context: JobContext, [begin, end]: readonly [number, number]): Promise<void> {
  await sharedEngine();
  const each = (end - begin) / plan.passes.length;
  for (const [k, pieces] of plan.passes.entries()) {
    const at = begin + k * each;
    const collected = await interruptibly(collect(problem, pieces, context, [at, at + 0.5 * each]), context.signal);
    await addPieces(problem, collected, gram, context, [at + 0.5 * each, at + each]);
  }
}

/** K of one piece alone, both triangles, for each piece: what the shares of layers are made of. Pieces of one pass are visited before the next is collected. */
export async function eachPieceGram(problem: CurvatureProblem, plan: GramPlan, context: JobContext, visit: (piece: GramPiece, gram: Float64Array) => Interruptible<void>): Promise<void> {
  await sharedEngine();
  const rows = rowCount(problem);
  const gram = new Float64Array(rows * rows);
  for (const [k, pieces] of plan.passes.entries()) {
    for (const part of await interruptibly(collect(problem, pieces, context, [k / plan.passes.length, (k + 1) / plan.passes.length]), context.signal)) {
      gram.fill(0);
      await addPieces(problem, [part], gram, context, [k / plan.passes.length, (k + 1) / plan.passes.length]);
      mirror(gram, rows);
      await interruptibly(visit(part.piece, gram), context.signal);
    }
  }
}

function* collect(problem: CurvatureProblem, pieces: readonly GramPiece[], context: JobContext, share: readonly [number, number]): Interruptible<Collected[]> {
  const { network, state } = problem;
  const seeds = rowsPerInput(problem);
  const collected = pieces.map((piece) => emptyCollection(problem, piece));
  yield* eachChunk(problem, inputsPerPass(problem), context, share, function* (first, count) {
    const chunk = chunkAt(problem, first, count);
    pullBack(network, state, chunk.values, chunk.seeds, seeds, (node, cotangents) => {
      for (const part of collected) {
        if (part.kind === 'rows') {
          addParameterGradients(network, node, state, chunk.values, cotangents, seeds, { into: part.rows.subarray(first * seeds * part.piece.columns), stride: part.piece.columns, columnOf: part.columnOf });
        } else if (part.piece.node.index === node.index) {
          part.inputs.set(chunk.values.values[node.inputs[0]!]!, first * (part.inputs.length / inputCount(problem)));
          part.cotangents.set(cotangents, first * seeds * valueSize(node.shape));
        }
      }
    });
    yield;
  });
  return collected;
}

function emptyCollection(problem: CurvatureProblem, piece: GramPiece): Collected {
  const rows = rowCount(problem);
  if (piece.kind !== 'rows') {
    const { nodes } = problem.network;
    return { kind: 'factors', piece, inputs: new Float64Array(inputCount(problem) * valueSize(nodes[piece.node.inputs[0]!]!.shape)), cotangents: new Float64Array(rows * valueSize(piece.node.shape)) };
  }
  const columns = new Map<Block, number>();
  let column = 0;
  for (const block of piece.blocks) {
    columns.set(block, column);
    column += block.length;
  }
  return { kind: 'rows', piece, rows: new Float64Array(rows * piece.columns), columnOf: (block) => columns.get(block) };
}

/** Below the diagonal. */
async function addPieces(problem: CurvatureProblem, parts: readonly Collected[], gram: Float64Array, context: JobContext, [begin, end]: readonly [number, number]): Promise<void> {
  const { signal } = context;
  const inputs = inputCount(problem);
  const rows = rowCount(problem);
  const dense = parts.filter(isDense);
  if (dense.length > 0) {
    context.progress({ message: 'Gram matrix of the dense layers', fraction: begin });
    const engine = await sharedEngine();
    await engine.run('The Gram matrix of dense layers', 8 * hadamardDoubles(dense, inputs, rows, engine.threads), { signal }, (scope) => addHadamard(scope, dense, inputs, rows / inputs, gram));
  }
  for (const [k, part] of parts.entries()) {
    if (isDense(part)) continue;
    context.progress({ message: `Gram matrix of ${part.kind === 'rows' ? 'small blocks' : part.piece.node.name}`, fraction: begin + ((end - begin) * k) / parts.length });
    if (part.kind === 'rows') await rankK({ a: part.rows, n: rows, k: part.piece.columns, beta: 1, c: gram }, { signal });
    else if (part.piece.kind === 'conv') await addConvolution(problem, part.piece.node, part.inputs, part.cotangents, gram, signal);
  }
}

function isDense(part: Collected): part is Factors<'dense'> {
  return part.piece.kind === 'dense';
}

/** Inputs whose rows of the Gram matrix are summed at once. */
function inputsPerBlock(seeds: number): number {
  return Math.max(1, Math.floor(BLOCK_ROWS / seeds));
}

/** The largest of the layers' factors, which take turns in the engine's memory. */
function largestFactors(layers: readonly Factors<'dense'>[]): { readonly inputs: number; readonly cotangents: number } {
  return { inputs: Math.max(...layers.map((layer) => layer.inputs.length)), cotangents: Math.max(...layers.map(({ cotangents }) => cotangents.length)) };
}

function hadamardDoubles(layers: readonly Factors<'dense'>[], inputs: number, rows: number, threads: number): number {
  const { inputs: a, cotangents: b } = largestFactors(layers);
  const step = inputsPerBlock(rows / inputs);
  return step * ((2 * rows * rows) / inputs + inputs) + a + b + packingDoubles({ n: rows, k: Math.max(a / inputs, b / rows) }, threads);
}

/**
 * Σ (A Aᵀ + 1_bias) ∘ (B Bᵀ) over dense layers, below the diagonal, in blocks of rows, which are summed on the engine before they are added
 * to the Gram matrix.
 */
function* addHadamard(scope: Scope, layers: readonly Factors<'dense'>[], inputs: number, seeds: number, gram: Float64Array): Interruptible<void> {
  const rows = inputs * seeds;
  const step = inputsPerBlock(seeds);
  const [sum, byOutputs, byInputs] = [scope.allocate(step * seeds * rows), scope.allocate(step * seeds * rows), scope.allocate(step * inputs)];
  const largest = largestFactors(layers);
  const [a, b] = [scope.allocate(largest.inputs), scope.allocate(largest.cotangents)];
  const packing = packingSpace(scope, { n: rows, k: Math.max(largest.inputs / inputs, largest.cotangents / rows) });
  for (let first = 0; first < inputs; first += step) {
    const count = Math.min(step, inputs - first);
    const seen = first + count;
    const width = seen * seeds;
    scope.view(sum, count * seeds * width).fill(0);
    for (const layer of layers) {
      yield* rowsByAll(scope, packing, { from: layer.inputs, at: a, width: layer.inputs.length / inputs, first, count }, byInputs);
      yield* rowsByAll(scope, packing, { from: layer.cotangents, at: b, width: layer.cotangents.length / rows, first: first * seeds, count: count * seeds }, byOutputs);
      if (layer.piece.node.bias !== undefined) addOne(scope.view(byInputs, count * seen));
      scope.kernels.addWeighted(scope.threads, sum, byInputs, byOutputs, count, seen, seeds);
    }
    const values = scope.view(sum, count * seeds * width);
    for (let r = 0; r < count * seeds; r++) {
      const to = (first * seeds + r) * rows;
      const from = r * width;
      for (let k = 0; k <= first * seeds + r; k++) gram[to + k]! += values[from + k]!;
    }
    yield;
  }
}

/** Of X (`width` columns), copied to `at`: rows first … first + count − 1 times all rows up to the last of them, transposed. */
function* rowsByAll(scope: Scope, packing: PackingSpace, { from, at, width, first, count }: { from: Float64Array; at: number; width: number; first: number; count: number }, to: number): Interruptible<void> {
  const seen = first + count;
  scope.view(at, seen * width).set(from.subarray(0, seen * width));
  yield* product(scope, packing, { m: count, n: seen, k: width }, { address: at + 8 * first * width, rowStep: width, columnStep: 1 }, { address: at, rowStep: 1, columnStep: width }, to, seen);
}

function addOne(values: Float64Array): void {
  for (let k = 0; k < values.length; k++) values[k]! += 1;
}

function mirror(gram: Float64Array, n: number): void {
  const tile = 32;
  for (let i0 = 0; i0 < n; i0 += tile) {
    for (let j0 = 0; j0 <= i0; j0 += tile) {
      for (let i = i0; i < Math.min(n, i0 + tile); i++) for (let j = j0; j < Math.min(i, j0 + tile); j++) gram[j * n + i] = gram[i * n + j]!;
    }
  }
}

async function addConvolution(problem: CurvatureProblem, node: NodeOf<'conv'>, inputs: Float64Array, cotangents: Float64Array, gram: Float64Array, signal: AbortSignal): Promise<void> {
  const rows = rowCount(problem);
  const seeds = rowsPerInput(problem);
  const inputShape = problem.network.nodes[node.inputs[0]!]!.shape;
  const outputs = node.shape[0]! / node.groups;
  const depth = node.weight.length / node.shape[0]!;
  const height = Math.max(1, Math.min(outputs, Math.floor(TILE_NUMBERS / (rows * depth))));
  const engine = await sharedEngine();
  const bytes = 8 * (rows * height * depth + convolutionTilesDoubles(node, inputShape, rows / seeds, seeds, engine.threads) + addGramDoubles(rows, height * depth, engine.threads));
  await engine.run(`The Gram matrix of ${node.name}`, bytes, { signal }, function* (scope) {
    const tile = scope.allocate(rows * height * depth);
    const writeTile = convolutionTiles(scope, node, inputShape, inputs, seeds);
    const addTile = gramAdder(scope, rows, height * depth);
    for (let group = 0; group < node.groups; group++) {
      for (let first = 0; first < outputs; first += height) {
        const count = Math.min(height, outputs - first);
        yield* writeTile(cotangents, { group, first, count }, tile);
        yield* addTile(tile, count * depth, gram);
      }
    }
  });
}
