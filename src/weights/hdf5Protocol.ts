/**
 * What a reader and its HDF5 worker say to each other. The worker has no file: it asks for bytes, and waits for them on a shared
 * memory of two words (state, length) with a buffer behind.
 */
import type { Dtype } from './dtype.ts';
import type { KerasLayer } from './weightFile.ts';

/** Elements [offset, offset + count) along every axis. */
export interface Slab {
  readonly offset: readonly number[];
  readonly count: readonly number[];
}

export type Hdf5Request =
  | { readonly kind: 'open'; readonly size: number }
  /** Slabs of one dataset, one after another. */
  | { readonly kind: 'read'; readonly dataset: string; readonly slabs: readonly Slab[]; readonly elementBytes: number }
  | { readonly kind: 'close' };

export type Hdf5Message =
  | { readonly kind: 'need'; readonly offset: number; readonly length: number }
  /** Still at work. */
  | { readonly kind: 'alive' }
  | { readonly kind: 'started' }
  | { readonly kind: 'opened'; readonly contents: Hdf5Contents }
  /** Little-endian. */
  | { readonly kind: 'read'; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Whether the worker is as it was before the file was opened. */
  | { readonly kind: 'closed'; readonly reusable: boolean }
  | { readonly kind: 'failed'; readonly place: string; readonly problem: string };

export interface Hdf5Dataset {
  /** Path from the root, without the first slash. */
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Stored with a filter, so that it may be larger than the file. */
  readonly compressed: boolean;
  readonly chunkBytes: number;
  /** Names of the dimension scales of its axes, in a NetCDF file; "" where there is none. */
  readonly dimensions: readonly string[];
}

export interface Hdf5Contents {
  /** Group by group, in the file's order. */
  readonly datasets: readonly Hdf5Dataset[];
  /** Names of the dimension scales of a NetCDF file, which are coordinates and not data. */
  readonly scales: readonly string[];
  /** Of the root: single texts and numbers. */
  readonly attributes: Readonly<Record<string, string>>;
  /** The layers of a file by Keras, with their weights as names of datasets. */
  readonly kerasLayers: readonly KerasLayer[];
  /** Sentences about what is left out. */
  readonly notes: readonly string[];
  readonly leftOut: number;
}

/** `control[STATE]` while the worker waits, and what it becomes. */
export const WAITING = 0;
export const READY = 1;
export const FAILED = 2;
export const STATE = 0;
export const LENGTH = 1;
export const CONTROL_BYTES = 8;
export const TRANSFER_BYTES = 1024 * 1024;
