/** Which curve of a report has which colour and dash: a method has one in all of its pictures, and what curves are held against has none. */
import type { LinesSection, Section } from '../src/protocol/report.ts';

/** Of every theme's series. */
const COLOURS = 6;

export interface Curve {
  readonly label: string;
  /** Which of the colours; null for a reference, which is muted. */
  readonly place: number | null;
  /** Which of the dashes: its place in its own picture, so that neighbours differ in print as well. */
  readonly dash: number;
}

/** A place for each label of a report's curves, in the order in which they come up: a method has one colour in all of its pictures. */
export function placesOf(sections: readonly Section[]): ReadonlyMap<string, number> {
  const labels = new Set(sections.flatMap((section) => (section.kind === 'lines' ? labelled(section).filter(({ reference }) => !reference).map(({ label }) => label) : [])));
  return new Map([...labels].map((label, place) => [label, place]));
}

/** The curves of a section, each label once. Where two would get one colour, the section has an order of its own. */
export function curvesOf(section: LinesSection, places: ReadonlyMap<string, number>): readonly Curve[] {
  const labels = labelled(section);
  const own = labels.filter(({ reference }) => !reference).map(({ label }) => label);
  const shared = own.map((label) => places.get(label) ?? NaN);
  const apart = new Set(shared.map((place) => place % COLOURS)).size === own.length && shared.every(Number.isFinite);
  return labels.map(({ label, reference }) => ({ label, place: reference ? null : apart ? shared[own.indexOf(label)] ?? 0 : own.indexOf(label), dash: own.indexOf(label) }));
}

function labelled({ panels }: LinesSection): readonly { readonly label: string; readonly reference: boolean }[] {
  const found = new Map(panels.flatMap(({ series }) => series.map(({ label, reference }) => [label, reference === true] as const)));
  return Array.from(found, ([label, reference]) => ({ label, reference }));
}
