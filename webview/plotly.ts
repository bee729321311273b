/** A script of its own, for its size: it puts Plotly where drawingLibrary.ts finds it. */
import Plotly from 'plotly.js-dist';

Object.assign(globalThis, { Plotly });
