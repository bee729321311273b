/**
 * One line of progress on a terminal, redrawn in place and gone at the end; silent where nobody watches.
 */
import type { Progress } from '../protocol/rpc.ts';

export interface TerminalProgress {
  readonly show: (progress: Progress) => void;
  readonly clear: () => void;
}

interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const INTERVAL_MS = 80;

export function terminalProgress(terminal: Terminal): TerminalProgress {
  if (terminal.isTTY !== true) return { show: () => undefined, clear: () => undefined };
  let shown = Number.NEGATIVE_INFINITY;
  return {
    show({ message, fraction }) {
      if (performance.now() - shown < INTERVAL_MS) return;
      shown = performance.now();
      const text = fraction === undefined ? message : `${String(Math.floor(100 * fraction)).padStart(3)} %  ${message}`;
      terminal.write(`\r\x1b[K${text.slice(0, (terminal.columns ?? 80) - 1)}`);
    },
    clear() {
      if (shown > Number.NEGATIVE_INFINITY) terminal.write('\r\x1b[K');
    },
  };
}
