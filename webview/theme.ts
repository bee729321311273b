/**
 * The one place where colours come from: VS Code's CSS variables (`--vscode-…`), read as they are now. The standalone page
 * defines the same variables, so nothing else needs to know where it is drawn.
 */
import { cssColour, divergingRamp, farthest, flatten, legible, mix, parseColour, sequentialRamp, type Colour, type Ramp } from './colour.ts';

export interface Theme {
  readonly highContrast: boolean;
  readonly background: string;
  readonly foreground: string;
  readonly muted: string;
  /** Lines of a plot's grid: hardly there. */
  readonly grid: string;
  /** Axis lines and the outlines of marks. */
  readonly line: string;
  readonly accent: string;
  readonly warning: string;
  /** Shading behind a part of a plot. */
  readonly tint: string;
  readonly tintOther: string;
  /** Distinguishable series, in order. */
  readonly series: readonly string[];
  /** Counts from one upwards; nothing is the background. */
  readonly ramp: Ramp;
  /** Quantities over a plane or a matrix: the least is near the background. */
  readonly areaRamp: Ramp;
  /** Signed values: the background's neighbour at zero, a cool and a warm end. */
  readonly divergingRamp: Ramp;
  /** Points that the user picked out of a density. */
  readonly selected: { readonly fill: string; readonly outline: string };
  readonly popup: { readonly background: string; readonly border: string; readonly foreground: string };
  readonly font: { readonly family: string; readonly size: number };
}

const black: Colour = { r: 0, g: 0, b: 0, alpha: 1 };
const white: Colour = { r: 1, g: 1, b: 1, alpha: 1 };

export function readTheme(): Theme {
  const probe = document.createElement('span');
  // Colours that the system forces on text would make all curves one.
  probe.style.setProperty('forced-color-adjust', 'none');
  document.body.append(probe);
  // A variable may hold any CSS colour, or refer to another: the browser resolves it.
  const read = (name: string, fallback: Colour): Colour => {
    probe.style.color = `var(--vscode-${name}, ${cssColour(fallback)})`;
    return parseColour(getComputedStyle(probe).color) ?? fallback;
  };
  const background = flatten(read('editor-background', white), white);
  const isDark = background.r + background.g + background.b < 1.5;
  const on = (name: string, fallback: Colour): Colour => flatten(read(name, fallback), background);
  const foreground = on('foreground', isDark ? white : black);
  const highContrast = document.body.classList.contains('vscode-high-contrast') || document.body.classList.contains('vscode-high-contrast-light') || window.matchMedia('(forced-colors: active)').matches;
  // Some themes take a see-through highlight for a chart's colour, of which hardly anything is left on their ground.
  const chart = (name: string, r: number, g: number, b: number): Colour => legible({ ...read(`charts-${name}`, { r, g, b, alpha: 1 }), alpha: 1 }, background);
  const blue = chart('blue', 0.1, 0.52, 1);
  const [orange, green, purple, red, yellow] = [chart('orange', 0.82, 0.53, 0.09), chart('green', 0.22, 0.55, 0.24), chart('purple', 0.4, 0.18, 0.56), chart('red', 0.9, 0.08, 0), chart('yellow', 0.75, 0.53, 0.01)];
  const muted = highContrast ? foreground : on('descriptionForeground', mix(foreground, background, 0.3));
  const popup = {
    background: cssColour(on('editorHoverWidget-background', background)),
    border: cssColour(on('editorHoverWidget-border', mix(background, foreground, 0.3))),
    foreground: cssColour(on('editorHoverWidget-foreground', foreground)),
  };
  const rampFor = (use: 'marks' | 'areas'): Ramp => sequentialRamp(background, isDark ? mix(blue, purple, 0.45) : blue, isDark ? yellow : purple, use);
  const [ramp, areaRamp] = [rampFor('marks'), rampFor('areas')];
  const style = getComputedStyle(document.body);
  // A probe outside the document has no computed colour: nothing is read below this line.
  probe.remove();
  return {
    highContrast,
    background: cssColour(background),
    foreground: cssColour(foreground),
    muted: cssColour(muted),
    grid: cssColour(mix(background, foreground, highContrast ? 0.2 : 0.1)),
    line: cssColour(mix(background, foreground, highContrast ? 1 : 0.35)),
    accent: cssColour(blue),
    warning: cssColour(orange),
    tint: cssColour(blue, isDark ? 0.1 : 0.09),
    tintOther: cssColour(orange, isDark ? 0.12 : 0.1),
    series: [blue, orange, green, purple, red, yellow].map((c) => cssColour(c)),
    ramp,
    areaRamp,
    divergingRamp: divergingRamp(background, blue, orange),
    selected: { fill: cssColour(farthest(highContrast ? [foreground, orange, red, green] : [orange, red, green], [background, ...ramp.map(([, colour]) => colour), ...areaRamp.map(([, colour]) => colour)])), outline: cssColour(highContrast ? background : isDark ? black : white) },
    popup,
    font: { family: style.fontFamily, size: Number.parseFloat(style.fontSize) - 1 },
  };
}

/** Calls back once a frame at most while the theme changes: VS Code rewrites the root's style and the body's class. */
export function onThemeChange(changed: () => void): void {
  let pending = false;
  const schedule = (): void => {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      changed();
    });
  };
  const observer = new MutationObserver(schedule);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ['style', 'class'] });
  observer.observe(document.body, { attributes: true, attributeFilter: ['class', 'data-vscode-theme-id', 'data-vscode-theme-kind'] });
  for (const query of ['(prefers-color-scheme: dark)', '(prefers-contrast: more)', '(forced-colors: active)']) {
    window.matchMedia(query).addEventListener('change', schedule);
  }
}
