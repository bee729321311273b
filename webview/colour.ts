/**
 * Colours computed from the theme's own: parsing what `getComputedStyle` returns, mixing in OKLab (Ottosson 2020), where equal
 * steps look equal, WCAG contrast, and the sequential ramp of the density plots.
 */

/** Red, green, blue and alpha, each 0 to 1, sRGB-encoded. */
export interface Colour {
  readonly r: number;
  readonly g: number;
  readonly b: number;
  readonly alpha: number;
}

/** `#rgb[a]`, `#rrggbb[aa]`, `rgb()`, `rgba()`, `color(srgb …)`; null for anything else. */
export function parseColour(text: string): Colour | null {
  const hex = /^#([0-9a-f]{3,8})$/i.exec(text.trim())?.[1];
  if (hex !== undefined) {
    const digits = hex.length <= 4 ? hex.split('').map((d) => d + d) : (hex.match(/../g) ?? []);
    if (![3, 4, 6, 8].includes(hex.length)) return null;
    const [r = 0, g = 0, b = 0, alpha = 255] = digits.map((d) => parseInt(d, 16));
    return { r: r / 255, g: g / 255, b: b / 255, alpha: alpha / 255 };
  }
  const call = /^(rgba?|color)\(\s*(?:srgb\s+)?([^)]+)\)$/i.exec(text.trim());
  if (call === null) return null;
  const scale = call[1]?.toLowerCase() === 'color' ? 1 : 255;
  const parts = (call[2] ?? '').split(/[\s,/]+/).filter((part) => part !== '');
  const [r, g, b, alpha = 1] = parts.map((part, i) => (part.endsWith('%') ? Number(part.slice(0, -1)) / 100 : Number(part) / (i < 3 ? scale : 1)));
  if (r === undefined || g === undefined || b === undefined || ![r, g, b, alpha].every(Number.isFinite)) return null;
  return { r, g, b, alpha };
}

export function cssColour(colour: Colour, alpha = colour.alpha): string {
  const byte = (x: number): number => Math.round(Math.min(1, Math.max(0, x)) * 255);
  const { r, g, b } = colour;
  return alpha >= 1 ? `rgb(${byte(r)}, ${byte(g)}, ${byte(b)})` : `rgba(${byte(r)}, ${byte(g)}, ${byte(b)}, ${Math.round(alpha * 1000) / 1000})`;
}

/** `over` laid on an opaque `under`. */
export function flatten(over: Colour, under: Colour): Colour {
  const blend = (a: number, b: number): number => a * over.alpha + b * (1 - over.alpha);
  return { r: blend(over.r, under.r), g: blend(over.g, under.g), b: blend(over.b, under.b), alpha: 1 };
}

const decode = (x: number): number => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
const encode = (x: number): number => (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);

type Lab = readonly [lightness: number, a: number, b: number];

function toOklab(colour: Colour): Lab {
  const [r, g, b] = [decode(colour.r), decode(colour.g), decode(colour.b)];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s, 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s, 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s];
}

function fromOklab([lightness, a, b]: Lab): Colour {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const clamp = (x: number): number => Math.min(1, Math.max(0, encode(x)));
  return {
    r: clamp(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    g: clamp(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    b: clamp(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
    alpha: 1,
  };
}

/** A share `t` of the way from `from` to `to`, in OKLab. */
export function mix(from: Colour, to: Colour, t: number): Colour {
  const [a, b] = [toOklab(from), toOklab(to)];
  return fromOklab([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])]);
}

/** Which of `candidates` (at least one) is least like any of `others`: the largest smallest distance in OKLab. */
export function farthest(candidates: readonly [Colour, ...Colour[]], others: readonly Colour[]): Colour {
  const avoided = others.map(toOklab);
  const room = (candidate: Colour): number => {
    const lab = toOklab(candidate);
    return avoided.reduce((least, other) => Math.min(least, Math.hypot(lab[0] - other[0], lab[1] - other[1], lab[2] - other[2])), Infinity);
  };
  return candidates.reduce((best, candidate) => (room(candidate) > room(best) ? candidate : best));
}

/** Relative luminance of WCAG 2. */
export const luminance = (c: Colour): number => 0.2126 * decode(c.r) + 0.7152 * decode(c.g) + 0.0722 * decode(c.b);

/** WCAG 2 contrast ratio, 1 to 21. */
export function contrast(a: Colour, b: Colour): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** WCAG 2.2, 1.4.11: what a mark needs to stand off its ground. */
export const MARK_CONTRAST = 3;

/** The colour itself where it stands off an opaque ground, else moved towards black or white until it just does. */
export function legible(colour: Colour, background: Colour): Colour {
  const away: Colour = luminance(background) < 0.18 ? { r: 1, g: 1, b: 1, alpha: 1 } : { r: 0, g: 0, b: 0, alpha: 1 };
  for (let t = 0; t < 1; t += 0.02) {
    const mixed = t === 0 ? colour : mix(colour, away, t);
    if (contrast(mixed, background) >= MARK_CONTRAST) return mixed;
  }
  return away;
}

export type Ramp = readonly (readonly [position: number, colour: Colour])[];

/** The ramp from a share of it, 0 to 1, to its end, stretched to the whole length. */
export function upperPart(ramp: Ramp, share: number): Ramp {
  return share <= 0 ? ramp : ramp.map(([t]) => [t, colourAt(ramp, share + t * (1 - share))]);
}

function colourAt(ramp: Ramp, at: number): Colour {
  const above = ramp.findIndex(([position]) => position >= at);
  const [upper, colour] = ramp[above] ?? ramp[ramp.length - 1]!;
  const [lower, before] = ramp[above - 1] ?? [upper, colour];
  return upper === lower ? colour : mix(before, colour, (at - lower) / (upper - lower));
}

/** Hue as an angle in OKLab's a–b plane, radians; NaN for greys. */
function hue(colour: Colour): number {
  const [, a, b] = toOklab(colour);
  return Math.hypot(a, b) < 1e-3 ? NaN : Math.atan2(b, a);
}

/**
 * A sequential ramp away from the background: its first colour already stands off the background (`marks`: as a mark must, since a single point
 * has to be seen; `areas`: a little, so that what is small looks like nothing), its last stands furthest. Lightness is monotone, so that order survives print and colour blindness. On a dark ground the hue turns
 * from `cool` to `warm` the shorter way round, at nearly constant chroma; on a light one it stays close to `cool`.
 */
export function sequentialRamp(background: Colour, cool: Colour, warm: Colour, use: 'marks' | 'areas', steps = 9): Ramp {
  const ground = toOklab(background)[0];
  const dark = ground < 0.5;
  const from = Number.isNaN(hue(cool)) ? -1.7 : hue(cool);
  const to = Number.isNaN(hue(warm)) ? from : hue(warm);
  const turn = (dark ? 1 : 0.3) * Math.atan2(Math.sin(to - from), Math.cos(to - from));
  const last = dark ? 0.94 : 0.24;
  const along = (first: number, t: number): Colour => {
    // Most chroma in the middle: near black and near white sRGB has little to give.
    const chroma = dark ? 0.14 : 0.07 + 0.04 * (1 - t) + 0.1 * Math.sin(Math.PI * t);
    const angle = from + t * turn;
    return fromOklab([first + t * (last - first), chroma * Math.cos(angle), chroma * Math.sin(angle)]);
  };
  let first = dark ? Math.max(ground + 0.2, 0.46) : Math.min(ground - 0.14, 0.86);
  // A ground in the middle of grey leaves no room for both this and an order of colours: the order is kept.
  while (use === 'marks' && contrast(along(first, 0), background) < MARK_CONTRAST && Math.abs(last - first) > 0.3) first += Math.sign(last - first) * 0.01;
  return Array.from({ length: steps }, (_, i) => {
    const t = i / (steps - 1);
    return [t, along(first, t)];
  });
}

/**
 * A diverging ramp: the background at its middle, `cool` for negative and `warm` for positive values, lightness moving the same way on both
 * sides so that size can be read without hue.
 */
export function divergingRamp(background: Colour, cool: Colour, warm: Colour, steps = 11): Ramp {
  const ground = toOklab(background)[0];
  const end = ground < 0.5 ? 0.8 : 0.4;
  const arm = (colour: Colour): Colour => {
    const [, a, b] = toOklab(colour);
    const size = Math.hypot(a, b) || 1;
    return fromOklab([end, (0.14 * a) / size, (0.14 * b) / size]);
  };
  const [low, high] = [arm(cool), arm(warm)];
  return Array.from({ length: steps }, (_, i) => {
    const t = (2 * i) / (steps - 1) - 1;
    return [i / (steps - 1), mix(background, t < 0 ? low : high, Math.abs(t))];
  });
}
