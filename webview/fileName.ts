/** Names suggested for exported files: `two-neurons-rank-spectrum.csv`. Source names are untrusted; only harmless characters stay. */
import type { Report } from '../src/protocol/report.ts';

export function suggestedName(report: Report, part: string | null, extension: string): string {
  const source = report.sources[0]?.split(/[\\/]/).at(-1)?.replace(/\.(safetensors|npz|npy|pt|pth|ckpt|keras|h5|hdf5|nc|msgpack|onnx|gguf|index\.json)$/i, '') ?? '';
  const more = report.sources.length > 1 ? `and-${report.sources.length - 1}-more` : '';
  return `${[source, more, report.analysis, part ?? ''].map(slug).filter((word) => word !== '').join('-')}.${extension}`;
}

const slug = (text: string): string => text.normalize('NFKD').replace(/[^A-Za-z0-9_.]+/g, '-').replace(/^[-.]+|[-.]+$/g, '').slice(0, 60);
