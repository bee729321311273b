/** Before the first question about a file of some formats, the host starts the thread that reads them: a hover should not wait for it. */
import type { PrepareRequest } from '../protocol/service.ts';
import { isNamedLikeHdf5 } from '../protocol/weightFileNames.ts';
import { prepareHdf5 } from '../weights/hdf5Session.ts';

export async function prepare({ files }: PrepareRequest): Promise<null> {
  if (files.some(isNamedLikeHdf5)) await prepareHdf5();
  return null;
}
