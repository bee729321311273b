/**
 * Weight files for the end-to-end tests, byte by byte after the safetensors format description rather than by our own writer, so that
 * reader and writer are not tested against each other.
 */
import { mkdir, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { seededRandom } from '../../src/linalg/random.ts';

export interface Tensor {
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

/** An eight-byte little-endian header length, the JSON header, and the elements as float64 in the header's order. */
export function safetensors(tensors: Readonly<Record<string, Tensor>>): Buffer {
  const header: Record<string, unknown> = {};
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, { shape, values }] of Object.entries(tensors)) {
    const bytes = Buffer.from(Float64Array.from(values).buffer);
    header[name] = { dtype: 'F64', shape, data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...parts]);
}

/**
 * Dense layers as PyTorch's `Sequential(Linear, σ, Linear, …)` names and shapes them, with standard normal weights.
 * @param widths [inputs, hidden…, outputs]
 */
export function denseWeights(widths: readonly number[], seed: number): Record<string, Tensor> {
  const random = seededRandom(seed);
  const normal = (length: number): number[] => Array.from({ length }, () => random.normal());
  const tensors: Record<string, Tensor> = {};
  for (let layer = 0; layer + 1 < widths.length; layer++) {
    const [inputs, outputs] = [widths[layer]!, widths[layer + 1]!];
    tensors[`${2 * layer}.weight`] = { shape: [outputs, inputs], values: normal(inputs * outputs) };
    tensors[`${2 * layer}.bias`] = { shape: [outputs], values: normal(outputs) };
  }
  return tensors;
}

/** The description that makes such a file a network. */
export function description(widths: readonly number[], activation: string): string {
  const layers = widths.slice(1).map((_, layer) => (layer === widths.length - 2 ? { dense: String(2 * layer) } : { dense: String(2 * layer), activation }));
  return JSON.stringify({ input: [widths[0]], layers });
}

/** A new folder with these files, outside the checkout. */
export async function workspace(files: Readonly<Record<string, string | Buffer>> = {}): Promise<string> {
  const folder = await realpath(await mkdtemp(path.join(tmpdir(), 'weights-')));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
    await writeFile(path.join(folder, name), content);
  }
  return folder;
}
