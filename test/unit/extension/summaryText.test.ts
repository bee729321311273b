/** What a stranger's file can put into a hover: text, and nothing but text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonStringAt } from '../../../src/extension/jsonString.ts';
import { indexEntryAt } from '../../../src/extension/shardIndexLiteral.ts';
import { escapeMarkdown, summaryMarkdown, summaryTooltip } from '../../../src/extension/summaryText.ts';
import type { WeightSummary } from '../../../src/protocol/service.ts';

const summary: WeightSummary = {
  file: '/a/net.pt', format: 'PyTorch zip', fileBytes: 2048, tensors: 4, parameters: 32, dtypes: ['F32'],
  shapes: [{ name: '0.weight', dtype: 'F32', shape: [5, 3] }, { name: '0.bias', dtype: 'F32', shape: [5] }],
  metadata: {},
  holds: 'network',
  network: { kind: 'recognised', description: 'dense 3-5-2, relu', parameters: 32, symmetry: '5 scalings, 120 permutations' },
};

describe('escaping', () => {
  it('leaves no mark that Markdown or HTML would read', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      // Take away what is escaped: no punctuation may be left bare.
      expect(escapeMarkdown(text).replace(/\\[!-/:-@[-`{-~]|&(amp|lt|gt);/g, '')).not.toMatch(/[!-/:-@[-`{-~\n\r]/);
    }));
  });

  it.each([
    ['[x](command:evil)', '\\[x\\]\\(command\\:evil\\)'],
    ['<img src=x>', '&lt;img src\\=x&gt;'],
    ['a|b\nc', 'a\\|b\\\\u\\{a\\}c'],
    ['&lt;', '&amp;lt\\;'],
  ])('%j', (text, escaped) => {
    expect(escapeMarkdown(text)).toBe(escaped);
  });

  it('cuts what is too long', () => {
    expect(escapeMarkdown('x'.repeat(1e6)).length).toBe(301);
  });
});

describe('the summary', () => {
  it('says format, counts, network and symmetry, and how many tensors it does not list', () => {
    const text = summaryMarkdown(summary, 'net.pt');
    expect(text).toContain('**net\\.pt** — PyTorch zip, 2 KiB');
    expect(text).toContain('32 parameters in 4 tensors (F32)');
    expect(text).toContain('Network: dense 3\\-5\\-2\\, relu');
    expect(text).toContain('Symmetry: 5 scalings\\, 120 permutations');
    expect(text).toContain('| 0\\.weight | F32 | 5 × 3 |');
    expect(text).toContain('…and 2 more tensors');
  });

  it('says what the weights are once they have been read, and cries out when some are not finite', () => {
    const total = { count: 32, min: -1.25, max: 2, mean: 0.01, standardDeviation: 0.5, norm: 3, zeros: 1, nan: 0, infinite: 0 };
    expect(summaryMarkdown(summary, 'net.pt', total)).toContain('\\-1\\.25 to 2, mean 0\\.01, standard deviation 0\\.5, norm 3, 1 zero, no NaN or ∞');
    expect(summaryMarkdown(summary, 'net.pt', { ...total, nan: 2 })).toContain('**2 NaN, 0 ∞**');
    expect(summaryMarkdown(summary, 'net.pt', { ...total, min: NaN, nan: 32 })).toContain('**32 NaN, 0 ∞**');
  });

  it('of a shard says which one it is, and nothing of a network', () => {
    const shard = { ...summary, shard: { index: 1, count: 2, model: 'model.safetensors.index.json' } };
    expect(summaryMarkdown(shard, 'model-00001-of-00002.safetensors')).toContain('Shard 1 of 2 of model\\.safetensors\\.index\\.json');
    expect(summaryMarkdown(shard, 'model-00001-of-00002.safetensors')).not.toContain('Network');
    expect(summaryTooltip(shard)).toContain('shard 1 of 2');
  });

  it('fits a tooltip in one line', () => {
    expect(summaryTooltip(summary)).toBe('PyTorch zip: 32 parameters in 4 tensors — dense 3-5-2, relu; 5 scalings, 120 permutations');
  });
});

describe('a string of a JSON file', () => {
  it('is the one under the cursor, as it reads', () => {
    const line = '  { "dense": "layers.0", "bias": "b\\u00e9" }';
    expect(jsonStringAt(line, line.indexOf('layers'))).toEqual({ text: 'layers.0', start: 13, end: 23 });
    expect(jsonStringAt(line, line.indexOf('u00e9'))?.text).toBe('bé');
    expect(jsonStringAt(line, line.indexOf(':'))).toBeUndefined();
    expect(jsonStringAt('"open', 2)).toBeUndefined();
    expect(jsonStringAt('"a":"b"', 3)).toBeUndefined();
    expect(['"a":"b"', '["b"]', '  "b",'].map((text) => jsonStringAt(text, text.lastIndexOf('"'))?.text)).toEqual(['b', 'b', 'b']);
  });

  it('is found on a line of megabytes', () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `"layer.${i}"`).join(',');
    expect(jsonStringAt(names, names.indexOf('layer.77777"'))?.text).toBe('layer.77777');
  });
});

describe('an entry of a shard index', () => {
  const line = '    "model.layers.0.weight": "model-00001-of-00002.safetensors",';

  it('is the tensor on its name and the shard on its file', () => {
    const entry = { tensor: 'model.layers.0.weight', shard: 'model-00001-of-00002.safetensors' };
    expect(indexEntryAt(line, line.indexOf('layers'))).toMatchObject({ ...entry, part: 'tensor', start: 4, end: 27 });
    expect(indexEntryAt(line, line.indexOf('00001'))).toMatchObject({ ...entry, part: 'shard' });
    expect(indexEntryAt(line, line.indexOf(':'))).toBeUndefined();
    expect(indexEntryAt('  "metadata": {"total_size": 12},', 5)).toBeUndefined();
  });

  it('is found by position on a line that holds them all', () => {
    const names = Array.from({ length: 20_000 }, (_, i) => `layer.${i}\\u00e9.weight`);
    const all = names.map((name) => `"${name}":"shard.safetensors"`).join(',');
    const position = all.indexOf('layer.12345\\');
    expect(indexEntryAt(all, position)?.tensor).toBe('layer.12345é.weight');
  });
});
