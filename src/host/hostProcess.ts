/**
 * Wires a service to the process it runs in: messages over the channel that `fork` made, the memory limit from the arguments,
 * and the end of the process when the client is gone.
 */
import { MEMORY_LIMIT_ARGUMENT, RUNTIME_RESERVE_BYTES } from '../protocol/hostProcess.ts';
import type { FromHost } from '../protocol/rpc.ts';
import { watchMemory } from './memoryWatchdog.ts';
import { RpcServer, type ServiceHandlers } from './rpcServer.ts';

/** @throws Error when the process was not forked with a channel. */
export function serveInThisProcess(handlers: ServiceHandlers): void {
  if (process.send === undefined) throw new Error('The analysis host is started by the extension, over a message channel.');
  const limitBytes = memoryLimitFrom(process.argv);
  const server = new RpcServer({
    handlers,
    send: sendToParent,
    memoryLimitBytes: Math.max(0, limitBytes - RUNTIME_RESERVE_BYTES),
  });
  process.on('message', (message: unknown) => {
    server.receive(message);
  });
  process.on('disconnect', () => process.exit(0));
  if (Number.isFinite(limitBytes)) {
    watchMemory(limitBytes, (residentBytes) => {
      sendToParent({ type: 'over-memory', residentBytes }, () => process.exit(0));
    });
  }
  server.log('info', `Analysis host ${process.pid} is ready (Node ${process.versions.node}).`);
}

function sendToParent(message: FromHost, written: () => void = () => undefined): void {
  // Not connected: the client is gone, and with it everybody who would read this. A failed write means the same.
  if (process.connected) process.send?.(message, undefined, {}, written);
  else written();
}

/** Infinity when there is no such argument: a host started by hand. */
function memoryLimitFrom(argv: readonly string[]): number {
  const argument = argv.find((word) => word.startsWith(MEMORY_LIMIT_ARGUMENT));
  if (argument === undefined) return Number.POSITIVE_INFINITY;
  const bytes = Number(argument.slice(MEMORY_LIMIT_ARGUMENT.length));
  return Number.isFinite(bytes) && bytes > 0 ? bytes : Number.POSITIVE_INFINITY;
}
