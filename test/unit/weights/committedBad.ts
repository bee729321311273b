/** Committed bad files, each with the one sentence that opening it and reading all of it must give. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';

async function readAll(path: string): Promise<void> {
  const file = await openWeightFile(path);
  try {
    for (const { name } of file.tensors) await file.read(name);
  } finally {
    await file.close();
  }
}

/**
 * @param folder within `fixtures/bad`
 * @param messages by file name, without the path
 * @param helpers files that the bad ones name and that are sound themselves
 */
export function describeBadFiles(folder: string, badFiles: Readonly<Record<string, Uint8Array>>, messages: Readonly<Record<string, string>>, helpers: readonly string[] = []): void {
  const committed = join(import.meta.dirname, '../../fixtures/bad', folder);

  describe('bad files', () => {
    it.each(Object.keys(messages))('%s', async (name) => {
      const path = join(committed, name);
      const error: unknown = await readAll(path).then(() => undefined, (thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(WeightFileError);
      expect((error as WeightFileError).message).toBe(`${path}: ${messages[name] ?? ''}`);
    });

    it('are those of the script, and each has its message', () => {
      for (const [name, bytes] of Object.entries(badFiles)) expect(readFileSync(join(committed, name)).equals(bytes), name).toBe(true);
      expect(Object.keys(badFiles).filter((name) => !(name in messages))).toEqual(helpers);
    });
  });
}
