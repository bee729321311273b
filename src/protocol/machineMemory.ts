/** What jobs may plan with: the memory of this machine, or of the container that the process runs in. Not what is free: systems fill that with what they give back at once. */
import os from 'node:os';

/** In bytes. */
export function machineMemory(): number {
  // 0, or more than there is, where nothing is set.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, os.totalmem()) : os.totalmem();
}
