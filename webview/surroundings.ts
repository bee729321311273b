/**
 * What differs between a panel in VS Code and the standalone page: where a saved file goes, who runs the next analysis, where the
 * view's state lives. Everything else is the same code.
 */
import { fromOpenFolder, type OpenFolder } from '../src/protocol/shownPaths.ts';
import type { FromWebview, WebviewAction } from '../src/protocol/webview.ts';
import { TensorRequests } from './tensorRequests.ts';
import type { Theme } from './theme.ts';
import { emptyState, parseState, type ViewState } from './viewState.ts';

export type FileContent = { readonly text: string; readonly mediaType: string } | { readonly base64: string; readonly mediaType: string };

export interface Surroundings {
  /** False on the standalone page: nothing there can run an analysis. */
  readonly canRun: boolean;
  /** Paths in a text as they are from the open folder. */
  readonly shown: (text: string) => string;
  readonly state: ViewState;
  writeState(state: ViewState): void;
  ready(): void;
  run(action: WebviewAction): void;
  copy(text: string): Promise<void>;
  /** Absent on the standalone page. */
  readonly openSetting?: (name: string) => void;
  save(suggestedName: string, content: FileContent): void;
  /** Absent on the standalone page, which has no file to read. */
  readonly tensors?: TensorRequests;
  /** Absent where the page is such a file already. */
  readonly saveHtml?: () => void;
}

/** A section as whoever shows it sees it. */
export interface NestedSection {
  readonly element: HTMLElement;
  draw(theme: Theme): Promise<void>;
  dispose(): void;
}

interface VsCodeApi {
  postMessage(message: FromWebview): void;
  getState(): unknown;
  setState(state: ViewState): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

export function inVsCode(folders: readonly OpenFolder[]): Surroundings {
  const api = acquireVsCodeApi();
  return {
    canRun: true,
    shown: fromOpenFolder(folders),
    state: parseState(api.getState()),
    writeState: (state) => { api.setState(state); },
    ready: () => { api.postMessage({ type: 'ready' }); },
    run: (action) => { api.postMessage({ type: 'run', action }); },
    copy: (text) => {
      api.postMessage({ type: 'copy', text });
      return Promise.resolve();
    },
    openSetting: (name) => { api.postMessage({ type: 'setting', name }); },
    save: (suggestedName, content) => {
      api.postMessage({ type: 'save', suggestedName, content: 'text' in content ? { text: content.text } : { base64: content.base64 } });
    },
    tensors: new TensorRequests((message) => { api.postMessage(message); }),
    saveHtml: () => { api.postMessage({ type: 'save-html' }); },
  };
}

export function standalone(): Surroundings {
  return {
    canRun: false,
    shown: (text) => text,
    state: emptyState,
    writeState: () => undefined,
    ready: () => undefined,
    run: () => undefined,
    copy: copyText,
    save: (suggestedName, content) => {
      const bytes = 'text' in content ? content.text : Uint8Array.from(atob(content.base64), (character) => character.charCodeAt(0));
      const link = document.createElement('a');
      link.href = URL.createObjectURL(new Blob([bytes], { type: content.mediaType }));
      link.download = suggestedName;
      link.click();
      window.setTimeout(() => { URL.revokeObjectURL(link.href); }, 60_000);
    },
  };
}

/** The clipboard API needs a secure context, which a file opened from disk is not everywhere. */
async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- the only way left without the clipboard API
    document.execCommand('copy');
    area.remove();
  }
}
