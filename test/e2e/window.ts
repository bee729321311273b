/** One window of VS Code for the tests of a file, with a picture of every failure, and with no complaint from the browser at the end of any test. */
import { rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { workspace } from './checkpoints.ts';
import { Workbench } from './workbench.ts';

/**
 * Registers the hooks; the window is there once the first test begins.
 * @param files of the folder that is opened
 */
export function windowWith(files: Readonly<Record<string, string | Buffer>>): () => Workbench {
  let opened: Workbench | undefined;
  const window = (): Workbench => {
    if (opened === undefined) throw new Error('no window was opened');
    return opened;
  };
  beforeAll(async () => {
    opened = await Workbench.open(await workspace(files));
  });
  afterEach(async ({ task }) => {
    if (opened === undefined) return;
    if (task.result?.state === 'fail') {
      await opened.shot(`failed ${task.name}`);
      await writeFile(`out/shots/failed ${task.name}.console.txt`, opened.complaints.all.join('\n'));
      // Menus and questions that the failure left open are not the next test's business.
      for (let i = 0; i < 3; i++) await opened.page.keyboard.press('Escape');
    }
    expect(opened.complaints.ours, 'complaints in the browser console').toEqual([]);
  });
  afterAll(async () => {
    await opened?.close();
    if (opened !== undefined) await rm(opened.folder, { recursive: true, force: true });
  });
  return window;
}
