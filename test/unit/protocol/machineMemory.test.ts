/** The memory that jobs plan with is that of the container where there is one, and never more than the machine has. */
import os from 'node:os';
import { afterEach, expect, it, vi } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { machineMemory } from '../../../src/protocol/machineMemory.ts';
import { randomNetwork, temporaryFolder, writeNetwork } from '../analyses/workspace.ts';

const GiB = 2 ** 30;
afterEach(() => { vi.restoreAllMocks(); });

it.each([[0, 16 * GiB, 16 * GiB], [2 * GiB, 16 * GiB, 2 * GiB], [2 ** 63, 16 * GiB, 16 * GiB]])('a limit of %d bytes on a machine of %d', (limit, total, expected) => {
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(limit);
  vi.spyOn(os, 'totalmem').mockReturnValue(total);
  expect(machineMemory()).toBe(expected);
});

it('the command line plans with no more than the container has, unless it is told to', async () => {
  const folder = await temporaryFolder();
  const { network, theta } = randomNetwork([3, 60, 60, 2], 'tanh', 1);
  await writeNetwork(`${folder}/net.safetensors`, network, theta);
  vi.spyOn(process, 'constrainedMemory').mockReturnValue(10_000);
  const compare = async (...more: readonly string[]): Promise<readonly [number, string]> => {
    let said = '';
    const stream = { write: (text: string) => { said += text; } };
    const code = await main(['compare', `${folder}/net.safetensors`, `${folder}/net.safetensors`, '--activation', 'tanh', ...more], { stdout: stream, stderr: stream, signal: new AbortController().signal });
    return [code, said];
  };
  expect(await compare()).toEqual([1, expect.stringMatching(/memory/)]);
  expect((await compare('--memory', '1'))[0]).toBe(0);
});
