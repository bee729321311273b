/**
 * The thread in which the HDF5 library runs: compiled C code that is given whatever bytes a file holds. It has no access to files of its
 * own, its memory is its own, and it can be ended while it computes. One file at a time.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Hdf5Library, Hdf5Problem } from './hdf5Library.ts';
import { Hdf5ObjectProblem, listContents } from './hdf5Listing.ts';
import { CONTROL_BYTES, LENGTH, READY, STATE, TRANSFER_BYTES, WAITING, type Hdf5Message, type Hdf5Request } from './hdf5Protocol.ts';

const PAGE = 16 * 1024;
const MOST_PAGES = 512;

const shared = workerData as SharedArrayBuffer;
const control = new Int32Array(shared, 0, CONTROL_BYTES / 4);
const transfer = new Uint8Array(shared, CONTROL_BYTES, TRANSFER_BYTES);

const say = (message: Hdf5Message, transferred: readonly ArrayBuffer[] = []): void => { parentPort?.postMessage(message, transferred); };

/** Asks for bytes and waits until they are there. */
function fetchBytes(target: Uint8Array, position: number): void {
  for (let done = 0; done < target.length;) {
    const length = Math.min(TRANSFER_BYTES, target.length - done);
    Atomics.store(control, STATE, WAITING);
    say({ kind: 'need', offset: position + done, length });
    Atomics.wait(control, STATE, WAITING);
    if (Atomics.load(control, STATE) !== READY || control[LENGTH] !== length) throw new Error('no bytes');
    target.set(transfer.subarray(0, length), done);
    done += length;
  }
}

/** Headers are many small reads near each other: they are served from pages. */
function pagedReader(size: number): (target: Uint8Array, position: number) => void {
  const pages = new Map<number, Uint8Array>();
  const page = (index: number): Uint8Array => {
    let bytes = pages.get(index);
    if (bytes === undefined) {
      bytes = new Uint8Array(Math.min(PAGE, size - index * PAGE));
      fetchBytes(bytes, index * PAGE);
      if (pages.size >= MOST_PAGES) for (const oldest of pages.keys()) { pages.delete(oldest); break; }
      pages.set(index, bytes);
    }
    return bytes;
  };
  return (target, position) => {
    if (target.length > PAGE) {
      fetchBytes(target, position);
      return;
    }
    for (let done = 0; done < target.length;) {
      const at = position + done;
      const index = Math.floor(at / PAGE);
      const part = page(index).subarray(at - index * PAGE, at - index * PAGE + target.length - done);
      target.set(part, done);
      done += part.length;
    }
  };
}

let file = 0n;
/** An exception has crossed compiled code, which does not expect any: what state it is in is not known. */
let tainted = false;

function answer(library: Hdf5Library, request: Hdf5Request): void {
  switch (request.kind) {
    case 'open': {
      file = library.open(request.size, pagedReader(request.size));
      say({ kind: 'opened', contents: listContents(library, file, request.size, () => { say({ kind: 'alive' }); }) });
      return;
    }
    case 'read': {
      const { dataset, slabs, elementBytes } = request;
      const elements = slabs.map(({ count }) => count.reduce((product, length) => product * length, 1));
      const bytes = new Uint8Array(elements.reduce((sum, count) => sum + count, 0) * elementBytes);
      let at = 0;
      slabs.forEach(({ offset, count }, i) => {
        const length = elements[i]! * elementBytes;
        library.read(file, dataset, offset, count, length, (read) => { bytes.set(read, at); });
        at += length;
      });
      say({ kind: 'read', bytes }, [bytes.buffer]);
      return;
    }
    case 'close': {
      const reset = library.reset();
      say({ kind: 'closed', reusable: reset && !tainted });
      tainted = false;
    }
  }
}

const library = await Hdf5Library.load();
parentPort?.on('message', (request: Hdf5Request) => {
  try {
    answer(library, request);
  } catch (error) {
    const place = error instanceof Hdf5ObjectProblem ? error.place : '';
    const known = error instanceof Hdf5ObjectProblem || error instanceof Hdf5Problem;
    if (!known) tainted = true;
    say({ kind: 'failed', place, problem: known ? error.message : 'is damaged in a way that the HDF5 library cannot cope with' });
  }
});
say({ kind: 'started' });
