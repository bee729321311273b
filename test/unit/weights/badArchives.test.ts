/**
 * What no reader of zip archives, pickles, PyTorch and NumPy files may accept, each with the one sentence that it must give. The files are
 * made by test/fixtures/makeBadArchives.ts.
 */
import { readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryByteSource } from '../../../src/weights/byteSource.ts';
import { openNpy } from '../../../src/weights/npy.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { readPickle } from '../../../src/weights/pickle.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';
import { openZipWeights } from '../../../src/weights/zipWeights.ts';
import { badFiles, npyBytes } from '../../fixtures/makeBadArchives.ts';
import { op, pickle, tensorOps, torchBytes } from '../../fixtures/pickleBytes.ts';
import { zipBytes } from '../../fixtures/zipBytes.ts';

const committed = joinPath(import.meta.dirname, '../../fixtures/bad');

/** Opening the file and reading all of it gives this, behind the file's name. */
const messages: Readonly<Record<string, string>> = {
  'numpy/objects.npy': "header: holds Python objects, which only unpickling could restore; save numbers instead",
  'numpy/objects.npz': "entry x.npy, header: holds Python objects, which only unpickling could restore; save numbers instead",
  'numpy/structured.npy': "header: is a structured array (fields a, b), which is not supported; save each field as an array of its own",
  'numpy/texts.npy': "header: holds texts (dtype \"<U3\"), not numbers of a supported type",
  'numpy/dates.npy': "header: holds dates (dtype \"<M8[ns]\"), not numbers of a supported type",
  'numpy/longDouble.npy': "header: holds long doubles (dtype \"<f16\"), not numbers of a supported type",
  'numpy/unknownDtype.npy': "header: dtype \"<q7\" is unknown",
  'numpy/headerOf4GiB.npy': "byte 8: the header is to have 4294967295 bytes, but 66 are left",
  'numpy/headerOverFile.npy': "byte 8: the header is to have 1000 bytes, but 66 are left",
  'numpy/hugeShape.npy': "header: shape [1099511627776] of F32 needs 4398046511104 bytes, but 0 are there",
  'numpy/overflowingShape.npy': "header: shape [4611686018427388000, 4611686018427388000] has an axis longer than 2^53",
  'numpy/inexactSize.npy': "header: shape [9007199254740992] has an axis longer than 2^53",
  'numpy/shortData.npy': "header: shape [2, 3] of F32 needs 24 bytes, but 23 are there",
  'numpy/dimensions33.npy': "header: has 33 dimensions; at most 32 are read",
  'numpy/negativeShape.npy': "header: shape is not a tuple of sizes",
  'numpy/shapeOfTexts.npy': "header: shape is not a tuple of sizes",
  'numpy/shapeIsNumber.npy': "header: shape is not a tuple of sizes",
  'numpy/expression.npy': "byte 61: the header is not a Python dict: a value is expected here",
  'numpy/nested.npy': "byte 36: the header is not a Python dict: nested more than 16 levels deep",
  'numpy/missingKey.npy': "header: has the keys descr, shape instead of descr, fortran_order, shape",
  'numpy/twiceKey.npy': "byte 34: the header is not a Python dict: a key is there twice",
  'numpy/otherKey.npy': "header: has the keys descr, fortran_order, shape, x instead of descr, fortran_order, shape",
  'numpy/orderIsNumber.npy': "header: fortran_order is neither True nor False",
  'numpy/unfinished.npy': "byte 20: the header is not a Python dict: a text does not end",
  'numpy/textBehind.npy': "byte 13: the header is not a Python dict: there is more text behind it",
  'numpy/notDict.npy': "header: is not a Python dict",
  'numpy/version4.npy': "byte 6: is version 4 of the .npy format; 1, 2 and 3 are known",
  'numpy/onlyMagic.npy': "byte 8: ends before the length of its header",
  'numpy/notAnArray.npz': "entry x.npy, byte 0: does not begin with the magic bytes of a .npy array",
  'numpy/emptyArray.npz': "entry x.npy, byte 0: does not begin with the magic bytes of a .npy array",
  'zip/bomb.npz': "entry zeros.npy: is to unpack 66345 bytes into 68157515, as a zip bomb does; if it is genuine, save it uncompressed",
  'zip/bombs.npz': "its entries are to unpack 67460 bytes into 69206166, as a zip bomb does; if they are genuine, save them uncompressed",
  'zip/impossibleRatio.npz': "entry x.npy: is to unpack 70 bytes into 2147483648, more than deflate can; if it is genuine, save it uncompressed",
  'zip/overlap.npz': "entry x.npy: its bytes 0 to 335 overlap entry y.npy, which begins at byte 111",
  'zip/sameBytes.npz': "entry x.npy: its bytes 0 to 111 overlap entry y.npy, which begins at byte 0",
  'zip/overlapsDirectory.npz': "entry x.npy: its bytes 0 to 1035 overlap the central directory, which begins at byte 111",
  'zip/pastTheEnd.npz': "entry x.npy: its bytes 2147483647 to 2147483758 overlap the central directory, which begins at byte 111",
  'zip/localName.npz': "entry x.npy: its local header gives another name than the directory",
  'zip/localMethod.npz': "entry x.npy: its local header gives method 8, but the directory says that it is stored",
  'zip/localSize.npz': "entry x.npy: its local header gives 5 bytes packed and 5 unpacked, the directory 76 and 76",
  'zip/localCrc.npz': "entry x.npy: its local header gives another checksum than the directory",
  'zip/localFlags.npz': "entry x.npy: its local header has flags 0x2, the directory 0x800",
  'zip/localSignature.npz': "entry y.npy: no local header begins at byte 111, where the directory places it",
  'zip/localNameTooLong.npz': "entry x.npy: its local header gives another name than the directory",
  'zip/descriptor.npz': "entry x.npy: the data descriptor behind it does not repeat the checksum and sizes of the directory",
  'zip/badCrc.npz': "entry x.npy: its checksum is d0ef095a, not 00000005: its bytes are damaged",
  'zip/badCrcDeflated.npz': "entry x.npy: its checksum is d0ef095a, not 00000005: its bytes are damaged",
  'zip/damagedDeflate.npz': "entry x.npy: its packed data are damaged",
  'zip/shortDeflate.npz': "entry x.npy: its packed data end after 77 of 189 bytes",
  'zip/longDeflate.npz': "entry x.npy: unpacks to more than the 76 bytes that the directory declares",
  'zip/storedSizes.npz': "entry x.npy: is stored uncompressed, yet its sizes differ: 76 bytes in the archive, 5 unpacked",
  'zip/encrypted.npz': "entry x.npy: is encrypted; save the file again without a password",
  'zip/strongEncryption.npz': "entry x.npy: is encrypted; save the file again without a password",
  'zip/patchData.npz': "entry x.npy: is patch data of another file, which is not supported",
  'zip/lzma.npz': "entry x.npy: is packed by method 14 (LZMA); only stored and deflated entries can be read",
  'zip/unknownMethod.npz': "entry x.npy: is packed by method 77; only stored and deflated entries can be read",
  'zip/duplicateEntry.npz': "entry x.npy: is there twice, and programs differ in which one they read",
  'zip/notUtf8Name.npz': "central directory, byte 111: an entry says that its name is UTF-8, but it is not",
  'zip/hostileName.npz': "entry ../\\u{202e}\\u{a}.npy, byte 0: does not begin with the magic bytes of a .npy array",
  'zip/prototypeName.npz': "entry __proto__.npy, byte 0: does not begin with the magic bytes of a .npy array",
  'zip/centralSignature.npz': "central directory, byte 111: entry 1 of 1 does not begin with its signature PK\\1\\2",
  'zip/tooManyEntries.npz': "end record, byte 162: promises 9000 entries in a central directory of 51 bytes, which has room for 1",
  'zip/fewerEntries.npz': "central directory, byte 273: 51 bytes are left over behind its last entry",
  'zip/absurdEntries.npz': "end record, byte 238: promises 1099511627776 entries in a central directory of 51 bytes, which has room for 1",
  'zip/directoryOffset.npz': "end record, byte 162: places the central directory at bytes 1 to 52, but it must end at byte 162, where the end record begins",
  'zip/directorySize.npz': "end record, byte 162: places the central directory at bytes 111 to 141, but it must end at byte 162, where the end record begins",
  'zip/severalDisks.npz': "end record, byte 162: the archive is split over several files, which is not supported",
  'zip/zip64Disagrees.npz': "end record, byte 238: gives 2 as number of entries, but the ZIP64 end record gives 1",
  'zip/zip64Locator.npz': "ZIP64 end record, byte 1: does not begin with its signature PK\\6\\6",
  'zip/zip64LocatorFar.npz': "ZIP64 locator, byte 218: points to byte 4503599627370496, where no ZIP64 end record fits",
  'zip/zip64FieldMissing.npz': "entry x.npy: its sizes are said to stand in a ZIP64 field, but the field is missing or too short",
  'zip/truncated.npz': "is not a whole zip archive: its end record is missing, so the file is truncated or something else",
  'zip/truncatedDirectory.npz': "end record, byte 144: places the central directory at bytes 111 to 162, but it must end at byte 144, where the end record begins",
  'zip/onlySignature.npz': "is not a whole zip archive: its end record is missing, so the file is truncated or something else",
  'zip/noEntries.npz': "is a zip archive without entries",
  'zip/notWeights.npz': "is a zip archive, but neither PyTorch's (there is no data.pkl in a folder) nor NumPy's (there is no .npy)",
  'pickle/extension.pt': "entry archive/data.pkl, byte 2: opcode 0x82 (EXT1) is not one that weights need; nothing was executed",
  'pickle/object.pt': "entry archive/data.pkl, byte 28: opcode 0x6f (OBJ) is not one that weights need; nothing was executed",
  'pickle/instance.pt': "entry archive/data.pkl, byte 3: opcode 0x69 (INST) is not one that weights need; nothing was executed",
  'pickle/outOfBand.pt': "entry archive/data.pkl, byte 2: opcode 0x97 (NEXT_BUFFER) is not one that weights need; nothing was executed",
  'pickle/unknownOpcode.pt': "entry archive/data.pkl, byte 2: opcode 0xff is not one that weights need; nothing was executed",
  'pickle/protocol6.pt': "entry archive/data.pkl, byte 0: is pickle protocol 6; 0 to 5 are known",
  'pickle/underflow.pt': "entry archive/data.pkl, byte 2: takes a value from an empty stack",
  'pickle/underflowBelowMark.pt': "entry archive/data.pkl, byte 4: takes a value from an empty stack",
  'pickle/noMark.pt': "entry archive/data.pkl, byte 3: takes the values after a mark, but there is no mark",
  'pickle/danglingMemo.pt': "entry archive/data.pkl, byte 2: takes value 7 from the memo, which was never put there",
  'pickle/sparseMemo.pt': "entry archive/data.pkl, byte 9: takes value 4294967294 from the memo, which was never put there",
  'pickle/hugeText.pt': "entry archive/data.pkl, byte 2: a text of 9223372036854776000 bytes begins here, more than the pickle has left",
  'pickle/hugeBytes.pt': "entry archive/data.pkl, byte 2: a byte string of 1099511627776 bytes begins here, more than the pickle has left",
  'pickle/hugeInteger.pt': "entry archive/data.pkl, byte 2: an integer of 2147483647 bytes begins here, more than the pickle has left",
  'pickle/longInteger.pt': "entry archive/data.pkl, byte 2: an integer of 2000 bytes is longer than the 1024 that are read",
  'pickle/hugeFrame.pt': "entry archive/data.pkl, byte 2: a frame of 9223372036854776000 bytes begins here, more than the pickle has left",
  'pickle/noStop.pt': "entry archive/data.pkl, byte 3: the pickle ends without its STOP",
  'pickle/emptyPickle.pt': "entry archive/data.pkl, byte 0: the pickle ends without its STOP",
  'pickle/endsInArgument.pt': "entry archive/data.pkl, byte 2: the pickle ends within the argument of this opcode",
  'pickle/unendedLine.pt': "entry archive/data.pkl, byte 2: a line of text does not end before the pickle does",
  'pickle/leftOver.pt': "entry archive/data.pkl, byte 4: the pickle ends with values left over",
  'pickle/notUtf8.pt': "entry archive/data.pkl, byte 2: a text is not valid UTF-8",
  'pickle/laughs.pt': "entry archive/data.pkl, byte 0: the value that it describes expands to more than 127904 values; nothing was executed",
  'pickle/selfReference.pt': "entry archive/data.pkl, byte 0: the value that it describes contains itself; nothing was executed",
  'pickle/selfReferenceInDict.pt': "entry archive/data.pkl, byte 0: the value that it describes contains itself; nothing was executed",
  'pickle/deep.pt': "entry archive/data.pkl, byte 0: the value that it describes is nested more than 200 levels deep; nothing was executed",
  'pickle/setItemOnList.pt': "entry archive/data.pkl, byte 10: puts an item into a list instead of a dict",
  'pickle/setItemsOnNone.pt': "entry archive/data.pkl, byte 11: puts an item into None instead of a dict",
  'pickle/appendToDict.pt': "entry archive/data.pkl, byte 4: adds an item to a dict instead of a list",
  'pickle/oddItems.pt': "entry archive/data.pkl, byte 10: a dict gets a key without a value",
  'pickle/duplicateKey.pt': "entry archive/data.pkl, byte 26: a dict gets the key \"a\" twice",
  'pickle/buildOnDict.pt': "entry archive/data.pkl, byte 4: sets the state of a dict, which has none",
  'pickle/copies.pt': "entry archive/data.pkl, byte 5005: copies the same values over and over, as no file of weights does; nothing was executed",
  'pickle/osSystem.pt': "entry archive/data.pkl, byte 2: asks for os.system, which is not among the names that weights need; nothing was executed",
  'pickle/posixSystem.pt': "entry archive/data.pkl, byte 2: asks for posix.system, which is not among the names that weights need; nothing was executed",
  'pickle/ntSystem.pt': "entry archive/data.pkl, byte 2: asks for nt.system, which is not among the names that weights need; nothing was executed",
  'pickle/eval.pt': "entry archive/data.pkl, byte 2: asks for builtins.eval, which is not among the names that weights need; nothing was executed",
  'pickle/python2Eval.pt': "entry archive/data.pkl, byte 2: asks for builtins.eval, which is not among the names that weights need; nothing was executed",
  'pickle/exec.pt': "entry archive/data.pkl, byte 2: asks for builtins.exec, which is not among the names that weights need; nothing was executed",
  'pickle/subprocess.pt': "entry archive/data.pkl, byte 2: asks for subprocess.check_output, which is not among the names that weights need; nothing was executed",
  'pickle/getattr.pt': "entry archive/data.pkl, byte 2: asks for builtins.getattr, which is not among the names that weights need; nothing was executed",
  'pickle/runpy.pt': "entry archive/data.pkl, byte 2: asks for runpy._run_code, which is not among the names that weights need; nothing was executed",
  'pickle/torchLoad.pt': "entry archive/data.pkl, byte 2: asks for torch.load, which is not among the names that weights need; nothing was executed",
  'pickle/torchHub.pt': "entry archive/data.pkl, byte 2: asks for torch.hub.load, which is not among the names that weights need; nothing was executed",
  'pickle/pipMain.pt': "entry archive/data.pkl, byte 2: asks for pip.main, which is not among the names that weights need; nothing was executed",
  'pickle/webbrowser.pt': "entry archive/data.pkl, byte 2: asks for webbrowser.open, which is not among the names that weights need; nothing was executed",
  'pickle/nestedReduce.pt': "entry archive/data.pkl, byte 197: asks for os.system, which is not among the names that weights need; nothing was executed",
  'pickle/stackGlobal.pt': "entry archive/data.pkl, byte 14: asks for os.system, which is not among the names that weights need; nothing was executed",
  'pickle/stackGlobalThroughMemo.pt': "entry archive/data.pkl, byte 21: asks for os.system, which is not among the names that weights need; nothing was executed",
  'pickle/stackGlobalNumber.pt': "entry archive/data.pkl, byte 15: asks for a global whose name is not text",
  'pickle/dottedName.pt': "entry archive/data.pkl, byte 48: asks for torch._utils._rebuild_tensor_v2.__globals__, which is not among the names that weights need; nothing was executed",
  'pickle/newObject.pt': "entry archive/data.pkl, byte 2: asks for subprocess.Popen, which is not among the names that weights need; nothing was executed",
  'pickle/instanceOfAttack.pt': "entry archive/data.pkl, byte 10: asks for os.system, which is not among the names that weights need; nothing was executed",
  'pickle/reduceOfText.pt': "entry archive/data.pkl, byte 17: calls a text instead of a function; nothing was executed",
  'pickle/reduceOfResult.pt': "entry archive/data.pkl, byte 27: calls a result of torch.device instead of a function; nothing was executed",
  'pickle/reduceOfStorage.pt': "entry archive/data.pkl, byte 28: calls torch.FloatStorage, which is no function; nothing was executed",
  'pickle/argumentsNoTuple.pt': "entry archive/data.pkl, byte 24: calls torch.device with a text instead of a tuple of arguments; nothing was executed",
  'pickle/hostileGlobal.pt': "entry archive/data.pkl, byte 2: asks for a\\u{0}b.c\\u{1b}[31m, which is not among the names that weights need; nothing was executed",
  'pytorch/shortStorage.pt': "tensor \"w\": its storage data/0 is to have 24 bytes, but has 20",
  'pytorch/longStorage.pt': "tensor \"w\": its storage data/0 is to have 24 bytes, but has 28",
  'pytorch/missingStorage.pt': "tensor \"w\": its storage data/0 is not in the file",
  'pytorch/strideOutside.pt': "tensor \"w\": shape [2, 3], strides [4, 1] and offset 0 reach to element 6, but its storage data/0 has 6",
  'pytorch/offsetOutside.pt': "tensor \"w\": shape [2, 3], strides [3, 1] and offset 1 reach to element 6, but its storage data/0 has 6",
  'pytorch/hugeOffset.pt': "tensor \"w\": its offset, sizes or strides are not whole numbers from 0 on",
  'pytorch/hugeStride.pt': "tensor \"w\": shape [2, 3], strides [4503599627370496, 1] and offset 0 reach to element 4503599627370498, but its storage data/0 has 6",
  'pytorch/negativeStride.pt': "tensor \"w\": its offset, sizes or strides are not whole numbers from 0 on",
  'pytorch/negativeShape.pt': "tensor \"w\": its offset, sizes or strides are not whole numbers from 0 on",
  'pytorch/overflowingShape.pt': "tensor \"w\": shape [1099511627776, 1099511627776] has more than 2^53 elements",
  'pytorch/expandedTooFar.pt': "tensor \"w\": shape [1099511627776] spreads a storage of 24 bytes over 1099511627776 elements",
  'pytorch/fewerStrides.pt': "tensor \"w\": has 2 sizes, but 1 strides",
  'pytorch/dimensions65.pt': "tensor \"w\": has 65 dimensions; at most 64 are read",
  'pytorch/noStorage.pt': "tensor \"noStorage\": does not refer to a storage",
  'pytorch/escapingKey.pt': "tensor \"w\": its storage data/../data.pkl is not in the file",
  'pytorch/joinedNames.pt': "tensor \"a.b\": is there twice once the names of nested dicts are joined by dots",
  'pytorch/byteOrder.pt': "entry archive/byteorder: says \"middle\" instead of little or big",
  'pytorch/hugeByteOrder.pt': "entry archive/byteorder: has 1000 bytes, more than the 64 that such an entry can have",
  'pytorch/duplicatePickle.pt': "entry archive/data.pkl: is there twice, and programs differ in which one they read",
  'pytorch/secondPickle.pt': "entry other/data.pkl: is a second description beside archive/data.pkl, and programs differ in which one they read",
  'pytorch/damagedPickle.pt': "entry archive/data.pkl: its checksum is 5f3e60d8, not 2b933027: its bytes are damaged",
  'pytorch/hostileTensorName.pt': "tensor \"<b>\\u{202e}\\u{a}\": shape [9], strides [1] and offset 0 reach to element 8, but its storage data/0 has 6",
};

async function readAll(file: string): Promise<void> {
  const opened = await openWeightFile(file);
  try {
    for (const { name } of opened.tensors) await opened.read(name);
  } finally {
    await opened.close();
  }
}

describe('bad archives, pickles and arrays', () => {
  it('has a message for each file', () => {
    expect(Object.keys(messages).sort()).toEqual(Object.keys(badFiles).sort());
  });

  it.each(Object.keys(badFiles))('%s is what its script makes', (name) => {
    expect(Buffer.compare(readFileSync(joinPath(committed, name)), badFiles[name] ?? new Uint8Array(0))).toBe(0);
  });

  it.each(Object.entries(messages))('%s', async (name, message) => {
    const file = joinPath(committed, name);
    const error: unknown = await readAll(file).then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WeightFileError);
    expect(error instanceof Error ? error.message : '').toBe(`${file}: ${message}`);
  });
});

describe('the pickle machine', () => {
  const read = (bytes: Uint8Array): unknown => readPickle('f', 'p', bytes);

  it('knows these opcodes and refuses every other byte by its number', () => {
    const known = Buffer.from('.(012NIJKMLFGSUTXVBC]l)td}ascepgqhjrubRQP');
    const newer = [0x80, 0x81, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0x8d, 0x8e, 0x8f, 0x90, 0x91, 0x92, 0x93, 0x94, 0x95, 0x96];
    const accepted = new Set([...known, ...newer]);
    for (let opcode = 0; opcode < 256; opcode++) {
      let message = '';
      try {
        read(Uint8Array.of(opcode));
      } catch (error) {
        expect(error).toBeInstanceOf(WeightFileError);
        message = error instanceof Error ? error.message : '';
      }
      // INST (i) names a class, which is read first.
      if (opcode === 0x69) expect(message).toBe('f: p, byte 0: a line of text does not end before the pickle does');
      else if (accepted.has(opcode)) expect(message, `opcode ${opcode}`).not.toMatch(/is not one that weights need/);
      else expect(message).toMatch(new RegExp(`^f: p, byte 0: opcode 0x${opcode.toString(16).padStart(2, '0')}.* is not one that weights need; nothing was executed$`));
    }
  });

  it('reads numbers, texts and bytes in every form', () => {
    const forms: readonly (readonly [bytes: string, value: unknown])[] = [
      ['N.', null], ['\x88.', true], ['\x89.', false], ['I01\n.', true], ['I00\n.', false], ['I-12\n.', -12], ['L123L\n.', 123], ['L99999999999999999999L\n.', 99999999999999999999n],
      ['F-1.5e3\n.', -1500], ['Finf\n.', Infinity], ['G\x3f\xf8\0\0\0\0\0\0.', 1.5], ['K\xff.', 255], ['M\xff\xff.', 65535], ['J\xff\xff\xff\xff.', -1],
      ['\x8a\0.', 0], ['\x8a\x01\xff.', -1], ['\x8a\x02\xff\0.', 255], ['\x8a\x09\0\0\0\0\0\0\0\0\x01.', 2n ** 64n], ['\x8b\x01\0\0\0\x80.', -128],
      ['X\x02\0\0\0\xc3\xa4.', 'ä'], ['\x8c\x01a.', 'a'], ['\x8d\x01\0\0\0\0\0\0\0a.', 'a'], ['U\x01a.', 'a'], ['T\x01\0\0\0a.', 'a'],
      ["S'a\\n\\x41\\\\'\n.", 'a\nA\\'], ['Va\\u00e4\n.', 'aä'],
      ['C\x01\xff.', { kind: 'bytes', bytes: Buffer.from([255]) }], ['B\x01\0\0\0\xff.', { kind: 'bytes', bytes: Buffer.from([255]) }],
      ['\x8e\x01\0\0\0\0\0\0\0\xff.', { kind: 'bytes', bytes: Buffer.from([255]) }], ['\x96\x01\0\0\0\0\0\0\0\xff.', { kind: 'bytes', bytes: Buffer.from([255]) }],
    ];
    for (const [bytes, value] of forms) expect(read(Buffer.from(bytes, 'latin1')), JSON.stringify(bytes)).toEqual(value);
  });

  it('is linear in the pickle, where sharing would make its tree exponential', () => {
    // Twenty levels of ten references each: 10²⁰ values for whoever walks them; within the bound at three.
    const levels = (count: number): Uint8Array => pickle(op.none, ...Array.from({ length: count }, (_, i) => Buffer.concat([op.put(i), op.pop, op.mark, ...Array.from({ length: 10 }, () => op.get(i)), op.list])));
    expect(() => read(levels(20))).toThrow(/expands to more than \d+ values/);
    expect(() => read(levels(3))).not.toThrow();
  });

  it('shares what is shared: a tensor under two names is listed twice and lies in one storage', async () => {
    const shared = pickle(op.emptyDict, op.mark, op.text('a'), tensorOps({ shape: [6], strides: [1] }), op.put(1), op.text('b'), op.get(1), op.setItems);
    const opened = await openZipWeights(memoryByteSource('s.pt', torchBytes(shared, { 'data/0': new Uint8Array(Float32Array.of(0, 1, 2, 3, 4, 5).buffer) })));
    expect(opened.tensors.map(({ name }) => name)).toEqual(['a', 'b']);
    expect([...await opened.read('b')]).toEqual([0, 1, 2, 3, 4, 5]);
    await opened.close();
  });

  it('keeps names as they are, whatever JavaScript may think of them', async () => {
    const odd = pickle(op.emptyDict, op.mark, op.text('__proto__'), tensorOps({ shape: [6], strides: [1] }), op.text('constructor'), op.int(3), op.setItems);
    const opened = await openZipWeights(memoryByteSource('s.pt', torchBytes(odd)));
    expect(opened.tensors.map(({ name }) => name)).toEqual(['__proto__']);
    expect(Object.entries(opened.metadata)).toEqual([['constructor', '3']]);
    await opened.close();
  });
});

it('reads a length of -0 as 0', async () => {
  const opened = await openNpy(memoryByteSource('f', npyBytes("{'descr': '<f4', 'fortran_order': False, 'shape': (-0, 2), }")));
  expect(opened.tensors).toEqual([{ name: 'f', dtype: 'F32', shape: [0, 2], elements: 0, bytes: 0 }]);
  expect(readPickle('f', 'p', Buffer.from('I-0\n.'))).toBe(0);
});

it('names the formats that share the zip container', async () => {
  const open = (names: readonly string[]): Promise<unknown> => openZipWeights(memoryByteSource('f', zipBytes(names.map((name) => ({ name, content: new Uint8Array(1) })))));
  await expect(open(['[Content_Types].xml'])).rejects.toThrow('f: is an office document, not a weight file');
  await expect(open(['posterior/.zgroup'])).rejects.toThrow('f: is a zarr archive, which is not supported yet; save its arrays with numpy.savez');
  await expect(open(['m/archive_format'])).rejects.toThrow('f: is a program exported by torch.export (.pt2), not a checkpoint');
});
