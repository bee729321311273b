/**
 * The image of the GGN and its kernel as subspaces of weight space. With the eigenpairs (λ_i, u_i) that the rank counts, the projector
 * on the image is P = Σ u_i u_iᵀ; known through the Gram matrix of the rows, K = V Λ Vᵀ, it is GᵀVΛ⁻¹VᵀG with G = H^{1/2}J, so that no
 * vector in weight space is kept but the one that is projected.
 */
import { sharedEngine } from '../linalg/engine/engine.ts';
import { interruptibly, type Interruptible } from '../linalg/interruptible.ts';
import { norm2 } from '../linalg/matrixInput.ts';
import { addProduct } from '../linalg/product.ts';
import type { Block } from '../network/network.ts';
import type { JobContext } from '../protocol/rpc.ts';
import { GgnOperators } from './operators.ts';
import { inputCount, rowsPerInput, type CurvatureProblem } from './problem.ts';
import type { EigenVectors, GgnSpectrum } from './spectrum.ts';
import { blocksOfPiece, eachPieceGram, planGram } from './structuredGram.ts';

/** A direction in weight space, split: direction = image + kernel, at right angles. */
export interface SplitDirection {
  readonly image: Float64Array;
  readonly kernel: Float64Array;
  /** ‖image‖², ‖kernel‖²; their sum is ‖direction‖². */
  readonly squared: { readonly image: number; readonly kernel: number };
  /** dᵀ GGN d: twice the loss that the quadratic model adds along it. */
  readonly curvature: number;
  /** What is left of the curvature along the kernel part; rounding, against `curvature`. */
  readonly kernelCurvature: number;
  /** Of each trainable block. */
  readonly blocks: readonly BlockShare[];
}

export interface BlockShare {
  /** Blocks that the share is of: one, or a dense layer's weight with its bias. */
  readonly blocks: readonly Block[];
  readonly image: number;
  readonly kernel: number;
}

/** Relative to the largest eigenvalue: below it a product with Λ⁻¹ would enlarge the rounding of the Gram matrix beyond 1e-6. */
const SQUARED = 1e-9;

/** The spectrum with the vectors that span the image. */
export class GgnImage {
  readonly problem: CurvatureProblem;
  readonly rank: number;
  readonly #spectrum: GgnSpectrum;
  readonly #vectors: EigenVectors;
  readonly #operators: GgnOperators;

  /**
   * @param spectrum with vectors
   * @param rank how many of them span the image
   * @param keepBytes as `GgnOperators` takes it
   */
  constructor(problem: CurvatureProblem, spectrum: GgnSpectrum, rank: number, keepBytes = 2 ** 28) {
    if (spectrum.vectors === undefined) throw new RangeError('the spectrum comes without its vectors');
    this.problem = problem;
    this.rank = rank;
    this.#spectrum = spectrum;
    this.#vectors = spectrum.vectors;
    this.#operators = new GgnOperators(problem, keepBytes);
  }

  /** Eigenvector i of the GGN, of length D and norm 1, i < rank. */
  *eigenvector(i: number): Interruptible<Float64Array> {
    if (!(i >= 0 && i < this.rank)) throw new RangeError(`eigenvector ${i} of an image of ${this.rank} dimensions`);
    if (this.#vectors.side === 'parameters') return this.#row(i).slice();
    const direction = yield* this.#operators.pullRows(this.#row(i));
    const length = norm2(direction, 0, direction.length);
    return direction.map((entry) => entry / length);
  }

  /** @param direction length D: a difference of checkpoints, a draw less the mode, a step of an optimiser */
  async split(direction: Float64Array, context: JobContext): Promise<SplitDirection> {
    await sharedEngine();
    return interruptibly(this.#split(direction), context.signal);
  }

  *#split(direction: Float64Array): Interruptible<SplitDirection> {
    const { parameters, blocks } = this.problem.network;
    if (direction.length !== parameters) throw new RangeError(`the direction has ${direction.length} entries, the network ${parameters} parameters`);
    // Projecting what is left once more takes away what rounding left of the image.
    const image = yield* this.#project(direction);
    let kernel = direction.map((entry, k) => entry - image[k]!);
    const rest = yield* this.#project(kernel);
    kernel = kernel.map((entry, k) => entry - rest[k]!);
    for (let k = 0; k < parameters; k++) image[k] = direction[k]! - kernel[k]!;
    const curvatureOf = function* (operators: GgnOperators, d: Float64Array): Interruptible<number> {
      const rows = yield* operators.pushDirection(d);
      return norm2(rows, 0, rows.length) ** 2;
    };
    const square = (d: Float64Array, from: number, length: number): number => norm2(d, from, length) ** 2;
    return {
      image,
      kernel,
      squared: { image: square(image, 0, parameters), kernel: square(kernel, 0, parameters) },
      curvature: yield* curvatureOf(this.#operators, direction),
      kernelCurvature: yield* curvatureOf(this.#operators, kernel),
      blocks: blocks.filter(({ trainable }) => trainable).map((block) => ({ blocks: [block], image: square(image, block.offset, block.length), kernel: square(kernel, block.offset, block.length) })),
    };
  }

  /** P d */
  *#project(direction: Float64Array): Interruptible<Float64Array> {
    if (this.#vectors.side === 'parameters') return this.#combination(direction, () => 1);
    const rows = this.#combination(yield* this.#operators.pushDirection(direction), (i) => 1 / this.#spectrum.eigenvalues[i]!);
    return yield* this.#operators.pullRows(rows);
  }

  /** Σ_i factor_i v_i (v_i · x) over the image. */
  #combination(x: Float64Array, factor: (i: number) => number): Float64Array {
    const result = new Float64Array(x.length);
    for (let i = 0; i < this.rank; i++) {
      const v = this.#row(i);
      let along = 0;
      for (let k = 0; k < x.length; k++) along += v[k]! * x[k]!;
      along *= factor(i);
      for (let k = 0; k < x.length; k++) result[k]! += along * v[k]!;
    }
    return result;
  }

  #row(i: number): Float64Array {
    const { vectors, side } = this.#vectors;
    const length = side === 'parameters' ? this.problem.network.parameters : this.#spectrum.rows;
    return vectors.subarray(i * length, (i + 1) * length);
  }

  /**
   * How many of each layer's dimensions the data constrain: the trace of the projector on its blocks, Σ = rank; what is left of
   * their lengths is kernel, Σ = D − rank.
   */
  async shares(context: JobContext): Promise<readonly BlockShare[]> {
    await sharedEngine();
    const { network } = this.problem;
    if (this.#vectors.side === 'parameters') {
      return network.blocks.filter(({ trainable }) => trainable).map((block) => {
        let image = 0;
        for (let i = 0; i < this.rank; i++) image += norm2(this.#vectors.vectors, i * network.parameters + block.offset, block.length) ** 2;
        return { blocks: [block], image, kernel: block.length - image };
      });
    }
    // tr(P on a block) = Σ (V Λ⁻¹ Vᵀ) ∘ K_block over the leading eigenvalues. Of small ones the Gram matrix has lost the digits, but
    // not the eigenvectors in weight space: there, one by one.
    const leading = this.#leading();
    const small = await interruptibly(this.#squaresByBlock(leading), context.signal);
    const inverse = this.#inverse(leading);
    const shares: BlockShare[] = [];
    const plan = planGram(network, inputCount(this.problem), rowsPerInput(this.problem), false);
    await eachPieceGram(this.problem, plan, context, function* (piece, gram) {
      const blocks = blocksOfPiece(piece);
      let image = blocks.reduce((sum, { index }) => sum + small[index]!, 0);
      for (let k = 0; k < gram.length; k++) image += inverse[k]! * gram[k]!;
      shares.push({ blocks, image, kernel: blocks.reduce((sum, { length }) => sum + length, 0) - image });
      yield;
    });
    return shares.sort((a, b) => a.blocks[0]!.offset - b.blocks[0]!.offset);
  }

  /** Eigenvalues that the Gram matrix knows to five digits or more. */
  #leading(): number {
    const { eigenvalues } = this.#spectrum;
    const end = eigenvalues.subarray(0, this.rank).findIndex((eigenvalue) => eigenvalue < SQUARED * eigenvalues[0]!);
    return end < 0 ? this.rank : end;
  }

  /** Σ ‖u_i on a block‖² over the eigenvectors from `first` on, by number of block. */
  *#squaresByBlock(first: number): Interruptible<Float64Array> {
    const { blocks } = this.problem.network;
    const squares = new Float64Array(blocks.length);
    for (let i = first; i < this.rank; i++) {
      const direction = yield* this.eigenvector(i);
      for (const { index, offset, length, trainable } of blocks) if (trainable) squares[index]! += norm2(direction, offset, length) ** 2;
    }
    return squares;
  }

  /** V Λ⁻¹ Vᵀ over the first `count` eigenvectors, n × n. */
  #inverse(count: number): Float64Array {
    const { rows, eigenvalues } = this.#spectrum;
    const scaled = this.#vectors.vectors.slice(0, count * rows);
    for (let k = 0; k < scaled.length; k++) scaled[k]! /= Math.sqrt(eigenvalues[Math.floor(k / rows)]!);
    const inverse = new Float64Array(rows * rows);
    addProduct(inverse, scaled, scaled, rows, rows, count, 'tn');
    return inverse;
  }
}
