/** Messages between the extension and a webview that draws a report. */
import type { Progress } from './rpc.ts';
import type { Report } from './report.ts';

export type ToWebview =
  | { readonly type: 'report'; readonly report: Report }
  | { readonly type: 'progress'; readonly title: string; readonly progress: Progress }
  | { readonly type: 'error'; readonly title: string; readonly message: string }
  /** A word about what is on show, which stays: that the file was read again, or is gone (`lasting`). */
  | { readonly type: 'notice'; readonly text: string; readonly lasting: boolean };

export type FromWebview =
  /** The page has loaded and wants its content. */
  | { readonly type: 'ready' }
  | { readonly type: 'run'; readonly action: WebviewAction }
  | { readonly type: 'copy'; readonly text: string }
  /** Save under a name the user picks; `base64` for pictures. */
  | { readonly type: 'save'; readonly suggestedName: string; readonly content: { readonly text: string } | { readonly base64: string } }
  /** Save the whole report as a standalone HTML page; the extension builds it. */
  | { readonly type: 'save-html' };

/** Buttons that lead from one view to the next analysis of the same files. */
export type WebviewAction = 'statistics' | 'diff' | 'rank' | 'canonicalize' | 'posterior' | 'refresh' | 'cancel';
