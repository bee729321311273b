/**
 * What an analysis of many draws will need, before it starts. How many draws are compared with each other depends on the draws alone,
 * so that the memory there is never changes a result: where the compared draws do not fit beside the rest they go to a temporary file.
 */
import { formatBytes, formatCount } from '../protocol/format.ts';
import { MemoryLimitError } from '../protocol/userError.ts';
import { BLOCKS_AT_ONCE } from './drawBlocks.ts';
import { tileWidth } from './drawRows.ts';
import { drawsInBlock } from './draws.ts';
import { comparedInputCount } from './drawStages.ts';

export interface DrawPlan {
  /** Where the compared draws are: all numbers in memory, or in a temporary file. */
  readonly mode: 'memory' | 'file';
  /** Draws, at most, whose inner products are formed. */
  readonly selected: number;
  /** Whether all draws are brought through the stages together, not only the selected ones. */
  readonly storesAll: boolean;
  /** Estimates: resident memory of the process at its peak, the temporary file. */
  readonly bytes: number;
  readonly fileBytes: number;
  readonly seconds: number;
}

export interface DrawWork {
  /** M */
  readonly draws: number;
  /** D */
  readonly parameters: number;
  /** D and running statistics. */
  readonly stateSize: number;
  /** Numbers that the source of the draws keeps in memory. */
  readonly held: number;
  /** Stages, the draws as they are included. */
  readonly stages: number;
  /** Whether units are matched to the first draw's. */
  readonly aligned: boolean;
  /** Parameters kept of all draws at every stage. */
  readonly columns: number;
  /** Inputs at which a draw predicts, and outputs of each. */
  readonly inputs: number;
  readonly outputs: number;
}

const MOST_SELECTED = 1000;
const LEAST_SELECTED = 64;
/** Operations of a Gram matrix: some seconds. */
const GRAM_WORK = 3e11;

/** Draws that are compared with each other: every pair of them, so fewer of long ones. */
const selectedDraws = (draws: number, parameters: number): number => Math.min(draws, MOST_SELECTED, Math.max(LEAST_SELECTED, Math.floor(Math.sqrt(GRAM_WORK / parameters))));

/** @throws MemoryLimitError with the estimate when what grows with draws or with parameters alone does not fit */
export function planDraws(work: DrawWork, memoryLimitBytes: number): DrawPlan {
  const inMemory = planFor(work, 'memory');
  if (inMemory.bytes <= memoryLimitBytes) return inMemory;
  const inFile = planFor(work, 'file');
  if (inFile.bytes <= memoryLimitBytes) return inFile;
  throw new MemoryLimitError(`${formatCount(work.draws)} draws of ${formatCount(work.parameters)} parameters need about ${formatBytes(Math.min(inMemory.bytes, inFile.bytes))}, the limit is ${formatBytes(memoryLimitBytes)}; pass fewer draws or raise the memory limit`);
}

/** A process that has done nothing yet, with the engine's threads and what the collector has not yet collected. */
const PROCESS = 150 * 2 ** 20;

function planFor(work: DrawWork, mode: DrawPlan['mode']): DrawPlan {
  const { draws, parameters, stateSize, held, stages, columns, inputs, outputs } = work;
  const selected = selectedDraws(draws, parameters);
  const storesAll = parameters <= selected;
  const stored = storesAll ? draws : selected;
  const compared = comparedInputCount(outputs);
  const store = stored * stateSize;
  const block = Math.min(draws, drawsInBlock(stateSize)) * stateSize;
  const tile = selected * tileWidth(selected, parameters);
  // Blocks, a work space a stage, a draw on its way, and the layer that the engine has a copy of.
  const streaming = BLOCKS_AT_ONCE * block + (stages + 2) * stateSize;
  const comparing = 2 * tile + 6 * selected ** 2 + 4 * parameters;
  const numbers = (mode === 'memory' ? store : 0)
    + held + streaming + comparing
    + (stored < draws ? stages * 4 * parameters : 0)
    + stages * draws * (columns + 2) + draws * inputs * outputs + (stored + 1) * compared * outputs;
  return { mode, selected, storesAll, bytes: PROCESS + 8 * numbers, fileBytes: mode === 'file' ? 8 * store : 0, seconds: secondsOf(work, selected, stored) + (mode === 'file' ? MOVE * store * (4 * stages - 1) : 0) };
}

/** Seconds an operation, measured on one core of a small server; reading is that of a disk's cache. */
const READ = 2e-9;
const CANONICAL = 15e-9;
const ALIGN = 500e-9;
const PASS = 3e-9;
const FORWARD = 0.3e-9;
const FLOP = 0.025e-9;
const DIAGNOSE = 2e-6;
/** A number to or from the temporary file. */
const MOVE = 3e-9;

function secondsOf({ draws, parameters, stages, aligned, columns, inputs, outputs }: DrawWork, selected: number, stored: number): number {
  const each = READ + (stages - 1) * CANONICAL + (aligned ? ALIGN : 0) + stages * PASS + (inputs + 2 * comparedInputCount(outputs)) * FORWARD;
  return draws * parameters * each + stages * (selected ** 2 * parameters * FLOP + 2 * stored * parameters * PASS + draws * columns * DIAGNOSE) + draws * inputs * outputs * DIAGNOSE;
}
