/**
 * Plotly, loaded when the first plot is drawn: it is twenty times the rest of the page, which is there without it at once. In VS Code it lies
 * beside the page's script; in a standalone file it follows that script.
 */
import type Plotly from 'plotly.js-dist';
import { nonce } from './styleNonce.ts';

export type DrawingLibrary = typeof Plotly;

const script = document.currentScript;
const source = script instanceof HTMLScriptElement ? script.src : '';

let loading: Promise<DrawingLibrary> | undefined;

/** @throws Error when its script cannot be had */
export function drawingLibrary(): Promise<DrawingLibrary> {
  return (loading ??= load());
}

async function load(): Promise<DrawingLibrary> {
  // What follows this script in a standalone file has run by then.
  await Promise.resolve();
  const present = loaded();
  if (present !== undefined) return present;
  return new Promise((resolve, reject) => {
    const element = document.createElement('script');
    element.nonce = nonce;
    element.addEventListener('load', () => {
      const library = loaded();
      if (library === undefined) reject(new Error('The script of the drawing library has no library in it'));
      else resolve(library);
    });
    element.addEventListener('error', () => {
      loading = undefined;
      reject(new Error('The drawing library could not be loaded'));
    });
    element.src = new URL('plotly.js', source).href;
    document.head.append(element);
  });
}

function loaded(): DrawingLibrary | undefined {
  return (globalThis as { readonly Plotly?: DrawingLibrary }).Plotly;
}
