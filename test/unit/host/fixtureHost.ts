/**
 * A real host process around a service that does what the name of the file tells it to: so the client meets every way in which
 * an analysis, or the process around it, can end.
 */
import { writeSync } from 'node:fs';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { serveInThisProcess } from '../../../src/host/hostProcess.ts';
import type { ServiceHandlers } from '../../../src/host/rpcServer.ts';
import type { JobContext } from '../../../src/protocol/rpc.ts';
import type { Report } from '../../../src/protocol/report.ts';
import type { WeightSummary } from '../../../src/protocol/service.ts';
import { MemoryLimitError, UserError } from '../../../src/protocol/userError.ts';

const summary = (file: string, format: string): WeightSummary => ({
  file, format, fileBytes: 0, tensors: 0, parameters: 0, dtypes: [], shapes: [], metadata: {},
  holds: 'network', network: { kind: 'unrecognised', reason: 'a fixture' },
});

const held: Uint8Array[] = [];

async function behave(file: string, { signal, progress, memoryLimitBytes }: JobContext): Promise<string> {
  const [behaviour, argument = ''] = file.split(':');
  switch (behaviour) {
    case 'echo':
      return argument;
    case 'pid':
      return String(process.pid);
    case 'limit':
      return String(memoryLimitBytes);
    case 'environment':
      return `${process.env['ELECTRON_RUN_AS_NODE'] ?? ''} ${process.env['NODE_OPTIONS'] ?? ''} ${process.execArgv.join(' ')}`;
    case 'wait':
      progress({ message: 'waiting' });
      await setTimeout(60_000, undefined, { signal });
      return 'waited';
    case 'steps':
      for (let i = 1; i <= Number(argument); i++) {
        progress({ message: `step ${i}`, fraction: i / Number(argument) });
        await setImmediate();
      }
      return 'done';
    case 'hang':
      progress({ message: 'hanging' });
      await setTimeout(50);
      for (;;) Math.random();
    case 'user':
      throw new UserError('weights.pt: header: is empty');
    case 'too-big':
      throw new MemoryLimitError('this would need 9 GiB');
    case 'defect':
      throw new TypeError('undefined is not a tensor');
    case 'function':
      return (() => 'cannot cross a process border') as unknown as string;
    case 'exit':
      return process.exit(Number(argument));
    case 'nonsense':
      process.send?.({ type: 'greeting' });
      process.send?.('hello');
      return 'spoke nonsense';
    case 'allocate':
      // Touches every page, with pauses in which the main thread can answer.
      for (;;) {
        held.push(new Uint8Array(16 * 2 ** 20).fill(1));
        await setTimeout(20);
      }
    case 'allocate-blocking':
      for (let i = 0; ; i++) {
        if (i < 40) held.push(new Uint8Array(16 * 2 ** 20).fill(1));
      }
    case 'heap': {
      const list: unknown[] = [];
      for (;;) list.push({ list });
    }
    case 'stderr':
      writeSync(2, `${argument}\n`);
      return 'written';
    default:
      throw new Error(`no behaviour "${file}"`);
  }
}

const noReport = (): Promise<Report> => Promise.reject(new Error('the fixture makes no reports'));

const handlers: ServiceHandlers = {
  summarize: async ({ file }, context) => summary(file, await behave(file, context)),
  rank: async ({ file }, context) => {
    await behave(file, context);
    return noReport();
  },
  inspect: noReport,
  diff: noReport,
  canonicalize: noReport,
  align: noReport,
  compare: noReport,
  posterior: noReport,
  predict: noReport,
  example: noReport,
  tensorDetail: () => Promise.reject(new Error('the fixture has no tensors')),
  environment: () => Promise.reject(new Error('the fixture has no environment')),
};

serveInThisProcess(handlers);
