/**
 * Before the first question about a file, the host loads what reads files of its format, by reading the header of one of each: a hover should
 * wait neither for that nor for the thread of the HDF5 library.
 */
import type { PrepareRequest } from '../protocol/service.ts';
import { extensionOf, isNamedLikeHdf5 } from '../protocol/weightFileNames.ts';
import { prepareHdf5 } from '../weights/hdf5Session.ts';
import { summarize } from './summarize.ts';

export async function prepare({ files }: PrepareRequest): Promise<null> {
  if (files.some(isNamedLikeHdf5)) await prepareHdf5();
  const oneOfEach = new Map(files.toReversed().map((file) => [extensionOf(file), file]));
  // What is wrong with a file is said when it is asked about.
  await Promise.allSettled([...oneOfEach.values()].map((file) => summarize({ file })));
  return null;
}
