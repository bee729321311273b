/** Messages between the extension and a webview that draws a report. */
import type { Progress } from './rpc.ts';
import type { Report } from './report.ts';
import type { HeatMap, TensorDetail, TensorDetailRequest } from './service.ts';

export type ToWebview =
  | { readonly type: 'report'; readonly report: Report }
  | { readonly type: 'progress'; readonly title: string; readonly progress: Progress }
  | { readonly type: 'error'; readonly title: string; readonly message: string }
  /** What was asked about a tensor, or why there is no answer. */
  | { readonly type: 'tensor'; readonly id: number; readonly detail: WireTensorDetail }
  | { readonly type: 'tensor'; readonly id: number; readonly message: string }
  | { readonly type: 'tensor-progress'; readonly id: number; readonly progress: Progress }
  /** A word about what is on show, which stays: that the file was read again, or is gone (`lasting`). */
  | { readonly type: 'notice'; readonly text: string; readonly lasting: boolean };

export type FromWebview =
  /** The page has loaded and wants its content. */
  | { readonly type: 'ready' }
  | { readonly type: 'run'; readonly action: WebviewAction }
  /** In place of the last such question, if that is still open. */
  | { readonly type: 'tensor'; readonly id: number; readonly request: TensorDetailRequest }
  | { readonly type: 'tensor-cancel' }
  | { readonly type: 'copy'; readonly text: string }
  /** Show a setting of this extension that a sentence names. */
  | { readonly type: 'setting'; readonly name: string }
  /** Save under a name the user picks; `base64` for pictures. */
  | { readonly type: 'save'; readonly suggestedName: string; readonly content: { readonly text: string } | { readonly base64: string } }
  /** Save the whole report as a standalone HTML page; the extension builds it. */
  | { readonly type: 'save-html' };

/** Buttons that lead from one view to the next analysis of the same files. */
export type WebviewAction = 'statistics' | 'activation' | 'diff' | 'compare' | 'rank' | 'canonicalize' | 'align' | 'posterior' | 'predict' | 'parameters' | 'refresh' | 'cancel';

/** Cells travel as bytes. */
type CellArrays = 'mean' | 'min' | 'max' | 'notFinite';

export type WireTensorDetail = Omit<TensorDetail, 'heatMap'> & { readonly heatMap: Omit<HeatMap, CellArrays> & Readonly<Record<CellArrays, Float64Array>> };

export function wireTensorDetail(detail: TensorDetail): WireTensorDetail {
  const { mean, min, max, notFinite } = detail.heatMap;
  return { ...detail, heatMap: { ...detail.heatMap, mean: Float64Array.from(mean), min: Float64Array.from(min), max: Float64Array.from(max), notFinite: Float64Array.from(notFinite) } };
}
