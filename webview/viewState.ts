/**
 * What the page remembers across a reload of the window: the report and, per section, how the user left it (zoom, order, filter).
 * Written at most twice a second, because VS Code serialises it whole.
 */
import type { JsonValue, Report } from '../src/protocol/report.ts';

export interface ViewState {
  /** Raised whenever the shape of this record changes: an older one is then forgotten. */
  readonly format: 1;
  readonly report: Report | null;
  readonly scroll: number;
  readonly sections: Readonly<Record<string, JsonValue>>;
}

export const emptyState: ViewState = { format: 1, report: null, scroll: 0, sections: {} };

/** Beyond this many tensors the report is asked for again instead of being stored with every change of the view. */
const storableTensors = 20_000;

const isStorable = (report: Report): boolean =>
  report.sections.every((section) => (section.kind !== 'tensors' && section.kind !== 'differences') || section.tensors.kind.length <= storableTensors);

export function parseState(value: unknown): ViewState {
  if (!isRecord(value) || value['format'] !== 1 || typeof value['scroll'] !== 'number' || !isRecord(value['sections'])) return emptyState;
  const report = value['report'];
  if (report !== null && !(isRecord(report) && Array.isArray(report['sections']))) return emptyState;
  // Written by this page from the same types; drawing it is guarded as well.
  return value as unknown as ViewState;
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);

export class StateKeeper {
  #state: ViewState;
  #timer: number | undefined;
  readonly #write: (state: ViewState) => void;

  constructor(initial: ViewState, write: (state: ViewState) => void) {
    this.#state = initial;
    this.#write = write;
    // A window that goes away must not take the last half second with it.
    window.addEventListener('pagehide', () => { this.#flush(); });
  }

  get state(): ViewState {
    return this.#state;
  }

  update(change: Partial<ViewState>): void {
    this.#state = { ...this.#state, ...change };
    this.#timer ??= window.setTimeout(() => { this.#flush(); }, 500);
  }

  remember(sectionId: string, value: JsonValue): void {
    this.update({ sections: { ...this.#state.sections, [sectionId]: value } });
  }

  #flush(): void {
    window.clearTimeout(this.#timer);
    this.#timer = undefined;
    const { report } = this.#state;
    this.#write(report === null || isStorable(report) ? this.#state : { ...this.#state, report: null });
  }
}
