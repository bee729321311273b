/** Real files in every awkward state: case 31 of the readers' bad inputs. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, openSync, renameSync, rmSync, symlinkSync, truncateSync, utimesSync, writeFileSync, writeSync, closeSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryByteSource, openByteSource } from '../../../src/weights/byteSource.ts';
import { openWeightFile } from '../../../src/weights/openWeights.ts';
import { encodeElements } from '../../../src/weights/dtype.ts';
import { writeSafetensors } from '../../../src/weights/safetensorsWriter.ts';
import { WeightFileError } from '../../../src/weights/weightFileError.ts';

const folder = mkdtempSync(join(tmpdir(), 'quotient-bytes-'));
afterAll(() => { rmSync(folder, { recursive: true }); });
const posix = process.platform !== 'win32';

async function problemOf(path: string): Promise<string> {
  const error: unknown = await openByteSource(path).then(() => undefined, (thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(WeightFileError);
  const { message } = error as WeightFileError;
  expect(message.startsWith(`${path}: `)).toBe(true);
  return message.slice(path.length + 2);
}

describe('opening', () => {
  it('refuses a missing file', async () => {
    expect(await problemOf(join(folder, 'missing'))).toBe('there is no such file');
  });

  it('refuses a folder', async () => {
    expect(await problemOf(folder)).toBe('is a folder, not a file');
  });

  it('refuses an empty file', async () => {
    const path = join(folder, 'empty');
    writeFileSync(path, '');
    expect(await problemOf(path)).toBe('is empty (0 bytes)');
  });

  it('refuses a file below a file', async () => {
    const path = join(folder, 'plain');
    writeFileSync(path, 'x');
    expect(await problemOf(join(path, 'below'))).toBe(posix ? 'there is no such file: a part of its path is not a folder' : 'there is no such file');
  });

  it.runIf(posix)('refuses a named pipe without waiting for its writer', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    expect(await problemOf(path)).toBe('is a named pipe, not a file');
  });

  it.runIf(posix)('refuses a device', async () => {
    expect(await problemOf('/dev/null')).toBe('is a device, not a file');
  });

  it.runIf(posix)('refuses a socket', async () => {
    const path = join(folder, 'socket');
    const server = createServer();
    await new Promise<void>((resolve) => { server.listen(path, resolve); });
    expect(await problemOf(path)).toBe('is a socket or a device, not a file');
    await new Promise((resolve) => { server.close(resolve); });
  });

  it.runIf(posix)('refuses a circle of links', async () => {
    const path = join(folder, 'circle');
    symlinkSync(path, path);
    expect(await problemOf(path)).toBe('is a symbolic link that leads round in a circle');
  });

  it.runIf(posix)('refuses a file without permission', async () => {
    const open = join(folder, 'secrets');
    const path = join(open, 'secret');
    mkdirSync(open);
    writeFileSync(path, 'x');
    chmodSync(path, 0);
    // The superuser may read everything, so the test steps down for a moment.
    const superuser = process.geteuid?.() === 0;
    if (superuser) {
      chmodSync(folder, 0o755);
      process.seteuid?.(65534);
    }
    try {
      expect(await problemOf(path)).toBe('there is no permission to read it');
    } finally {
      if (superuser) process.seteuid?.(0);
    }
  });

  it.runIf(posix)('refuses names that no file has', async () => {
    const long = await openByteSource(join(folder, 'x'.repeat(300))).catch((error: unknown) => error);
    expect((long as WeightFileError).problem).toBe('the path is too long');
    const nul = await openByteSource('a\0b').catch((error: unknown) => error);
    expect((nul as WeightFileError).message).toBe('a\\u{0}b: the path holds a NUL character');
  });
});

describe('reading', () => {
  const content = Uint8Array.from({ length: 1000 }, (_, i) => i % 251);
  const fresh = (name: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    // A time in the past, so that any later write shows in it however coarse the file system's clock is.
    utimesSync(path, 1e9, 1e9);
    return path;
  };
  const messageOf = async (reading: Promise<unknown>): Promise<string> => {
    const error: unknown = await reading.then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WeightFileError);
    return (error as WeightFileError).message;
  };

  it('gives exactly the range asked for, in memory of its own', async () => {
    for (const source of [await openByteSource(fresh('range')), memoryByteSource('memory', content)]) {
      const bytes = await source.read(990, 10);
      expect(bytes).toEqual(content.slice(990));
      bytes.fill(0);
      expect(await source.read(990, 10)).toEqual(content.slice(990));
      expect(await source.read(1000, 0)).toEqual(new Uint8Array(0));
      await source.close();
    }
  });

  it('names the byte where the file ends', async () => {
    const path = fresh('end');
    for (const source of [await openByteSource(path), memoryByteSource(path, content)]) {
      expect(await messageOf(source.read(995, 6))).toBe(`${path}: byte 1000: the file ends here, but 6 bytes are expected at byte 995`);
      expect(await messageOf(source.read(0, 2 ** 50))).toBe(`${path}: byte 1000: the file ends here, but ${2 ** 50} bytes are expected at byte 0`);
      for (const [offset, length] of [[-1, 2], [0.5, 1], [0, -1], [Number.NaN, 1], [0, Infinity]] as const) {
        expect(await messageOf(source.read(offset, length))).toBe(`${path}: ${length} bytes at byte ${offset} are not a range of bytes`);
      }
      await source.close();
    }
  });

  it('notices that the file was cut off', async () => {
    const path = fresh('cut');
    const source = await openByteSource(path);
    truncateSync(path, 300);
    expect(await messageOf(source.read(200, 200))).toBe(`${path}: byte 300: the file shrank from 1000 to 300 bytes while it was being read; open it again`);
    await source.close();
  });

  it('notices that the file was written again in place', async () => {
    const path = fresh('rewritten');
    const source = await openByteSource(path);
    const fd = openSync(path, 'r+');
    writeSync(fd, new Uint8Array(1000));
    closeSync(fd);
    expect(await messageOf(source.read(0, 10))).toBe(`${path}: byte 10: the file changed while it was being read; open it again`);
    await source.close();
  });

  it.runIf(posix)('goes on with the file that it opened when another takes its name', async () => {
    const path = fresh('replaced');
    const source = await openByteSource(path);
    writeFileSync(`${path}.new`, new Uint8Array(5));
    renameSync(`${path}.new`, path);
    expect(await source.read(0, 1000)).toEqual(content);
    await source.close();
  });

  it('says so when the file was closed', async () => {
    const path = fresh('closed');
    const source = await openByteSource(path);
    await source.close();
    expect(await messageOf(source.read(0, 10))).toBe(`${path}: byte 0: the file was closed while it was being read`);
  });

  it('a tensor that is cut off after opening names the byte', async () => {
    const path = join(folder, 'tensor.safetensors');
    await writeSafetensors(path, [{ name: 'a', dtype: 'F64', shape: [100], bytes: encodeElements('F64', new Float64Array(100)) }], {}, { overwrite: false });
    const file = await openWeightFile(path);
    truncateSync(path, 400);
    expect(await messageOf(file.read('a'))).toBe(`${path}: byte 400: the file shrank from ${file.fileBytes} to 400 bytes while it was being read; open it again`);
    await file.close();
  });
});
