/**
 * What an analysis of many draws will need, before it starts: all draws in memory where they fit, otherwise one pass over the files in
 * which each draw is brought to every stage and kept as a sketch only.
 */
import { formatBytes, formatCount } from '../protocol/format.ts';
import { MemoryLimitError } from '../protocol/userError.ts';
import { drawsInBlock } from './draws.ts';
import { COMPARED_INPUTS } from './drawStages.ts';

export interface DrawPlan {
  readonly mode: 'memory' | 'streamed';
  /** k: numbers kept of each draw, D itself in memory. */
  readonly coordinates: number;
  /** Draws, at most, whose inner products are formed. */
  readonly selected: number;
  /** Estimates. */
  readonly bytes: number;
  readonly seconds: number;
}

export interface DrawWork {
  /** M */
  readonly draws: number;
  /** D */
  readonly parameters: number;
  /** Stages, the draws as they are included. */
  readonly stages: number;
  /** Whether units are matched to the first draw's. */
  readonly aligned: boolean;
  /** Parameters kept as they are at every stage. */
  readonly columns: number;
  /** Inputs at which a draw predicts, and how many numbers these predictions are. */
  readonly inputs: number;
  readonly predictions: number;
}

const MOST_SELECTED = 1000;
/** Multiplications of a Gram matrix: some seconds. */
const GRAM_WORK = 4e10;
const LEAST_SKETCH = 256;
const LARGEST_SKETCH = 16_384;

/** Seconds an operation, measured on one core of a small server; reading is that of a disk's cache. */
const READ = 5e-9;
const CANONICAL = 35e-9;
const ALIGN = 500e-9;
const PASS = 6e-9;
const FORWARD = 0.5e-9;
const FLOP = 0.1e-9;
const DIAGNOSE = 2e-6;

/** @throws MemoryLimitError with the estimate when even sketches of the draws do not fit */
export function planDraws(work: DrawWork, memoryLimitBytes: number): DrawPlan {
  const { draws, parameters } = work;
  const inMemory = planFor('memory', work, parameters);
  if (inMemory.bytes <= memoryLimitBytes) return inMemory;
  for (let coordinates = LARGEST_SKETCH; coordinates >= LEAST_SKETCH; coordinates /= 2) {
    // A sketch longer than the draw would be no sketch.
    if (coordinates >= parameters) continue;
    const streamed = planFor('streamed', work, coordinates);
    if (streamed.bytes <= memoryLimitBytes) return streamed;
  }
  const least = Math.min(inMemory.bytes, planFor('streamed', work, Math.min(LEAST_SKETCH, parameters)).bytes);
  throw new MemoryLimitError(`${formatCount(draws)} draws of ${formatCount(parameters)} parameters need about ${formatBytes(least)}, the limit is ${formatBytes(memoryLimitBytes)}; pass fewer draws or raise the memory limit`);
}

function planFor(mode: DrawPlan['mode'], { draws, parameters, stages, aligned, columns, inputs, predictions }: DrawWork, coordinates: number): DrawPlan {
  const selected = Math.min(draws, MOST_SELECTED, Math.max(64, Math.floor(Math.sqrt(GRAM_WORK / coordinates))));
  // A block as read and as taken apart; of many, those before until they are collected.
  const blocks = Math.min(12, 2 * Math.ceil(draws / drawsInBlock(parameters)));
  const numbers = (mode === 'memory' ? draws * parameters : stages * draws * coordinates)
    // Blocks; running moments, one draw's work space, names.
    + blocks * Math.min(draws, drawsInBlock(parameters)) * parameters + 2 * stages * parameters + 4 * parameters + 8 * parameters
    + stages * draws * columns + draws * predictions
    + 4 * selected ** 2 + selected * 2048;
  const passes = READ + (stages - 1) * CANONICAL + (aligned ? ALIGN : 0) + stages * PASS * (mode === 'memory' ? 1 : 2) + (inputs + 2 * COMPARED_INPUTS) * FORWARD;
  const seconds = draws * parameters * passes + stages * (selected ** 2 * coordinates * FLOP + draws * columns * DIAGNOSE) + draws * predictions * DIAGNOSE;
  return { mode, coordinates, selected, bytes: 8 * numbers, seconds };
}
