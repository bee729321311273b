/**
 * Draws of several methods in planes of weight space, over the loss there. The plane, the methods, and whether symmetries are removed are
 * chosen here: the report holds them all. Panels with the same axes are zoomed together.
 */
import type { FieldPanel, FieldsSection, JsonValue, PlaneOfDraws, ProjectionsSection } from '../../src/protocol/report.ts';
import { visible } from '../../src/protocol/untrustedText.ts';
import { language, REPORT_LANGUAGE, t } from '../../src/protocol/words.ts';
import type { Cell } from '../csv.ts';
import { element } from '../elements.ts';
import { prose } from '../prose.ts';
import type { Memory, SectionDrawing } from '../section.ts';
import type { Theme } from '../theme.ts';
import { drawFields } from './fields.ts';

type Stages = PlaneOfDraws['stage'] | 'both';

interface Choice {
  /** Id of the plane. */
  plane: string;
  stages: Stages;
  /** Positions of methods. */
  methods: readonly number[];
  /** Of the panels' axes, as `linkedPlots` keeps it. */
  view: JsonValue;
}

function stageName(stages: Stages): string {
  switch (stages) {
    case 'drawn': return t('As drawn');
    case 'removed': return t('Symmetries removed');
    case 'both': return t('Before and after');
  }
}

/** In the key, beside the report's own names. */
const DRAWS = 'draws';

/** In headings and exported numbers, which are the report's and the same in every language. */
const stageHeadings: Readonly<Record<PlaneOfDraws['stage'], string>> = { drawn: 'As drawn', removed: 'Symmetries removed' };

export function drawProjections(section: ProjectionsSection, memory: Memory): SectionDrawing {
  const choice = parseChoice(memory.remembered, section);
  let theme: Theme | null = null;
  let inner: SectionDrawing | null = null;
  const meaning = element('p', { class: 'meaning', role: 'status' });
  const frame = element('div', {});
  const tools = element('div', { class: 'choices', role: 'group', lang: language(), 'aria-label': t('What is shown') });
  const resets = element('span', {});

  const remember = (): void => { memory.remember({ first: section.planes[0]?.id ?? '', plane: choice.plane, stages: choice.stages, methods: [...choice.methods], view: choice.view }); };
  const show = (): void => {
    inner?.dispose?.();
    const planes = chosenPlanes(section, choice);
    meaning.replaceChildren(...prose(planes[0]?.meaning ?? ''));
    inner = drawFields(fieldsOf(section, choice), { remembered: choice.view, remember: (view) => { choice.view = view; remember(); } });
    frame.replaceChildren(inner.body);
    resets.replaceChildren(...(inner.controls ?? []));
    remember();
    if (theme !== null) void inner.draw?.(theme);
  };
  const chosen = (): void => {
    choice.view = null;
    buildTools();
    show();
  };
  const buildTools = (): void => {
    const focused = document.activeElement?.getAttribute('data-choice') ?? null;
    const labels = new Map(section.planes.map(({ id, label }) => [id, label]));
    const stages = stagesOf(section, choice.plane);
    if (!stages.includes(choice.stages)) choice.stages = 'drawn';
    tools.replaceChildren(
      select('plane', t('Plane'), REPORT_LANGUAGE, [...labels], choice.plane, (id) => { choice.plane = id; chosen(); }),
      ...(stages.length > 1 ? [select('stages', t('Weights'), language(), stages.map((stage): [string, string] => [stage, stageName(stage)]), choice.stages, (stage) => { choice.stages = stage as Stages; chosen(); })] : []),
      ...(section.methods.length > 1 ? section.methods.map((name, k) => check(`method-${k}`, visible(name), choice.methods.includes(k), (on) => {
        const methods = section.methods.flatMap((_, other) => ((other === k ? on : choice.methods.includes(other)) ? [other] : []));
        // The last one stays.
        if (methods.length > 0) choice.methods = methods;
        chosen();
      })) : []));
    if (focused !== null) tools.querySelector<HTMLElement>(`[data-choice="${focused}"]`)?.focus();
  };
  buildTools();
  show();
  return {
    body: element('div', {}, tools, meaning, frame),
    controls: [resets],
    draw: async (now) => {
      theme = now;
      await inner?.draw?.(now);
    },
    numbers: () => drawRows(section),
    picture: async (now, format) => {
      const { picture } = drawFields(fieldsOf(section, choice), { remembered: choice.view, remember: () => undefined });
      if (picture === undefined) throw new Error('these panels have no picture');
      return picture(now, format);
    },
    dispose: () => { inner?.dispose?.(); },
  };
}

function select(key: string, label: string, lang: string, options: readonly (readonly [string, string])[], value: string, changed: (value: string) => void): HTMLElement {
  const box = element('select', { class: 'facet', lang, 'data-choice': key }, ...options.map(([id, text]) => {
    const option = element('option', {}, visible(text));
    option.value = id;
    option.selected = id === value;
    return option;
  }));
  box.addEventListener('change', () => { changed(box.value); });
  return element('label', { class: 'choice' }, label, box);
}

function check(key: string, label: string, on: boolean, changed: (on: boolean) => void): HTMLElement {
  const box = element('input', { type: 'checkbox', 'data-choice': key });
  box.checked = on;
  box.addEventListener('change', () => { changed(box.checked); });
  return element('label', { class: 'check', lang: REPORT_LANGUAGE }, box, label);
}

const stagesOf = (section: ProjectionsSection, plane: string): readonly Stages[] => {
  const stages = section.planes.filter(({ id }) => id === plane).map(({ stage }) => stage);
  return stages.length > 1 ? [...stages, 'both'] : stages;
};

const chosenPlanes = (section: ProjectionsSection, { plane, stages }: Choice): readonly PlaneOfDraws[] => section.planes.filter(({ id, stage }) => id === plane && (stages === 'both' || stage === stages));

/** The chosen panels as fields with points on them. */
function fieldsOf(section: ProjectionsSection, choice: Choice): FieldsSection {
  const planes = chosenPlanes(section, choice);
  const [first] = planes;
  const several = section.methods.length > 1;
  return {
    kind: 'fields', id: section.id, title: section.title, meaning: '', xLabel: first?.xLabel ?? '', yLabel: first?.yLabel ?? '', valueLabel: section.valueLabel, colours: 'log', contours: true,
    panels: planes.flatMap((plane) => choice.methods.map((k): FieldPanel => ({
      title: choice.stages === 'both' ? (several ? `${section.methods[k] ?? ''}: ${stageHeadings[plane.stage].toLowerCase()}` : stageHeadings[plane.stage]) : section.methods[k] ?? '',
      meaning: plane.panels[k]?.meaning ?? '', x: plane.x, y: { ...plane.y, direction: 'up' }, values: plane.surfaces[plane.surfaces.length > 1 ? k : 0] ?? [], curves: [],
      points: [{ label: DRAWS, x: plane.panels[k]?.x ?? [], y: plane.panels[k]?.y ?? [] }, { label: 'ŵ', x: [plane.mode[0]], y: [plane.mode[1]] }],
    }))),
  };
}

/** Of all planes, not the chosen one alone. */
function drawRows({ planes, methods }: ProjectionsSection): Cell[][] {
  const rows: Cell[][] = [['plane', 'weights', 'method', 'across', 'up']];
  for (const { label, stage, panels } of planes) {
    panels.forEach(({ x, y }, k) => { x.forEach((at, m) => { rows.push([label, stageHeadings[stage].toLowerCase(), methods[k] ?? '', at, y[m] ?? NaN]); }); });
  }
  return rows;
}

function parseChoice(value: JsonValue | undefined, section: ProjectionsSection): Choice {
  const all = section.methods.map((_, k) => k);
  const first = section.planes[0]?.id ?? '';
  const fresh: Choice = { plane: first, stages: section.methods.length === 1 && stagesOf(section, first).length > 1 ? 'both' : 'drawn', methods: all, view: null };
  if (typeof value !== 'object' || value === null || !('plane' in value)) return fresh;
  const { first: asked, plane, stages, methods, view } = value as Readonly<Record<string, JsonValue>>;
  const known = Array.isArray(methods) ? all.filter((k) => (methods as readonly JsonValue[]).includes(k)) : all;
  // A report that was asked for with another plane first shows that one.
  return asked !== first || typeof plane !== 'string' || !section.planes.some(({ id }) => id === plane) ? fresh
    : { plane, stages: typeof stages === 'string' && ['drawn', 'removed', 'both'].includes(stages) ? (stages as Stages) : fresh.stages, methods: known.length > 0 ? known : all, view: view ?? null };
}
