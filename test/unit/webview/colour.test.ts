// What the eye needs of the density colours, over VS Code's four default themes and over random ones.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contrast, cssColour, farthest, flatten, legible, luminance, MARK_CONTRAST, mix, parseColour, sequentialRamp, type Colour } from '../../../webview/colour.ts';
import { countColours } from '../../../webview/densityGrid.ts';
import { themes } from './sampleThemes.ts';

const parsed = (text: string | undefined): Colour => {
  const colour = parseColour(text ?? '');
  if (colour === null) throw new Error(`not a colour: ${text}`);
  return colour;
};
const channel = fc.integer({ min: 0, max: 255 }).map((n) => n / 255);
const colour = fc.record({ r: channel, g: channel, b: channel, alpha: fc.constant(1) });

describe('parsing', () => {
  it.each([
    ['#1a85ff', 'rgb(26, 133, 255)'], ['#fff', 'rgb(255, 255, 255)'], ['#ffffff80', 'rgba(255, 255, 255, 0.502)'], ['rgb(1, 2, 3)', 'rgb(1, 2, 3)'], ['rgb(1 2 3 / 50%)', 'rgba(1, 2, 3, 0.5)'],
    ['rgba(1, 2, 3, 0.25)', 'rgba(1, 2, 3, 0.25)'], ['color(srgb 1 0 0.5)', 'rgb(255, 0, 128)'],
  ])('%s is %s', (text, css) => { expect(cssColour(parsed(text))).toBe(css); });
  it.each(['', 'red', '#12', '#12345', 'rgb(1, 2)', 'rgb(a, b, c)', 'url(x)'])('%j is no colour', (text) => { expect(parseColour(text)).toBeNull(); });
  it('reads back what it writes', () => {
    fc.assert(fc.property(colour, (c) => { expect(parsed(cssColour(c))).toEqual(c); }));
  });
});

describe('mixing', () => {
  it('ends where it should: t = 0 and t = 1 give the colours back', () => {
    fc.assert(fc.property(colour, colour, (a, b) => {
      for (const [t, c] of [[0, a], [1, b]] as const) {
        const mixed = mix(a, b, t);
        for (const part of ['r', 'g', 'b'] as const) expect(Math.abs(mixed[part] - c[part])).toBeLessThan(2e-3);
      }
    }));
  });
  it('contrast of black and white is 21, of a colour with itself 1 (WCAG 2)', () => {
    expect(contrast(parsed('#000'), parsed('#fff'))).toBeCloseTo(21, 10);
    fc.assert(fc.property(colour, (c) => { expect(contrast(c, c)).toBe(1); }));
  });
});

describe('legible colours', () => {
  it('stand off every ground, and stay as they are where they do so already', () => {
    fc.assert(fc.property(colour, colour, (c, ground) => {
      const seen = legible(c, ground);
      expect(contrast(seen, ground)).toBeGreaterThanOrEqual(MARK_CONTRAST);
      if (contrast(c, ground) >= MARK_CONTRAST) expect(seen).toEqual(c);
    }));
  });
  it('moves the orange of the default light theme a little, that of the dark one not at all', () => {
    expect(contrast(parsed('#d18616'), parsed('#ffffff'))).toBeLessThan(MARK_CONTRAST);
    expect(contrast(legible(parsed('#d18616'), parsed('#ffffff')), parsed('#ffffff'))).toBeLessThan(3.2);
    expect(legible(parsed('#ea5c00'), parsed('#1f1f1f'))).toEqual(parsed('#ea5c00'));
  });
});

describe('the density ramp', () => {
  const read = (theme: keyof typeof themes, name: string): Colour => parsed(themes[theme].variables[`--vscode-${name}`]);
  it.each(Object.keys(themes) as (keyof typeof themes)[])('in %s: one point shows, more points show more', (theme) => {
    const background = flatten(read(theme, 'editor-background'), parsed('#fff'));
    const ramp = sequentialRamp(background, read(theme, 'charts-blue'), read(theme, 'charts-yellow'), 'marks');
    const contrasts = ramp.map(([, c]) => contrast(c, background));
    expect(contrasts[0]).toBeGreaterThanOrEqual(MARK_CONTRAST);
    expect(contrasts.at(-1)).toBeGreaterThan(7);
    contrasts.forEach((value, i) => { if (i > 0) expect(value).toBeGreaterThan(contrasts[i - 1]!); });
  });

  it.each(Object.keys(themes) as (keyof typeof themes)[])('in %s: one draw among few stands off the ground as text does, and more in a bin stand off further', (theme) => {
    const background = flatten(read(theme, 'editor-background'), parsed('#fff'));
    const ramp = sequentialRamp(background, read(theme, 'charts-blue'), read(theme, 'charts-yellow'), 'marks');
    for (const largest of [1, 2, 3]) {
      const { top, colours } = countColours(ramp, largest);
      const contrasts = colours.map(([, c]) => contrast(c, background));
      expect(contrasts[0]).toBeGreaterThan(4.5);
      contrasts.forEach((value, i) => { if (i > 0) expect(value).toBeGreaterThan(contrasts[i - 1]!); });
      expect(top).toBeGreaterThanOrEqual(Math.log10(largest));
    }
    // From ten in a bin on the whole ramp is needed.
    expect(countColours(ramp, 10).colours).toEqual(ramp);
  });

  it.each(['light', 'high-contrast-light'] as const)('in %s: the least of a quantity over a plane is faint, where a mark would not be', (theme) => {
    const background = flatten(read(theme, 'editor-background'), parsed('#fff'));
    const [[, faint] = [0, background]] = sequentialRamp(background, read(theme, 'charts-blue'), read(theme, 'charts-yellow'), 'areas');
    expect(contrast(faint, background)).toBeLessThan(2);
    expect(contrast(faint, background)).toBeGreaterThan(1.1);
  });

  it.each(['dark', 'light'] as const)('in %s: a selected point is none of the ramp’s colours nor the ground', (theme) => {
    const background = read(theme, 'editor-background');
    const others = [background, ...sequentialRamp(background, read(theme, 'charts-blue'), read(theme, 'charts-yellow'), 'marks').map(([, c]) => c)];
    const chosen = farthest([read(theme, 'charts-orange'), read(theme, 'charts-red'), read(theme, 'charts-green')], others);
    for (const other of others) expect(Math.hypot(chosen.r - other.r, chosen.g - other.g, chosen.b - other.b)).toBeGreaterThan(0.2);
  });
  it('farthest picks no candidate that another one beats: a colour is never chosen over its opposite when it is to be avoided', () => {
    expect(farthest([parsed('#000'), parsed('#fff')], [parsed('#222')])).toEqual(parsed('#fff'));
    fc.assert(fc.property(colour, (c) => {
      const opposite = luminance(c) < 0.2 ? parsed('#fff') : parsed('#000');
      expect(farthest([c, opposite], [c])).toEqual(opposite);
    }));
  });

  it('is monotone in luminance and runs from 0 to 1 for any theme', () => {
    fc.assert(fc.property(colour, colour, colour, (background, cool, warm) => {
      for (const use of ['marks', 'areas'] as const) {
        const ramp = sequentialRamp(background, cool, warm, use);
        expect(ramp[0]?.[0]).toBe(0);
        expect(ramp.at(-1)?.[0]).toBe(1);
        const light = ramp.map(([, c]) => luminance(c));
        const sign = Math.sign(light[light.length - 1]! - light[0]!);
        light.forEach((value, i) => { if (i > 0) expect(sign * (value - light[i - 1]!)).toBeGreaterThan(-0.02); });
      }
    }));
  });
});
