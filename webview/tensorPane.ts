/** One tensor beside the outline: what it is, its statistics, its histogram and its heat map, read when it is looked at. */
import { formatBytes, formatCount, formatShape } from '../src/protocol/format.ts';
import type { Section } from '../src/protocol/report.ts';
import type { TensorDetailRequest } from '../src/protocol/service.ts';
import type { ListedTensor } from '../src/protocol/tensorTable.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import type { WireTensorDetail } from '../src/protocol/webview.ts';
import { t } from '../src/protocol/words.ts';
import { copyButton } from './copyButton.ts';
import { button, element } from './elements.ts';
import type { NestedSection, Surroundings } from './surroundings.ts';
import { heatMapSection, histogramSection, statisticsSection, type CellValue } from './tensorSections.ts';
import type { Theme } from './theme.ts';

/** So long must a row be looked at before its tensor is read: arrows pass over many. */
const SETTLED_MS = 150;

export interface TensorPane {
  readonly element: HTMLElement;
  /** @param soon false when the row may only have been passed over */
  show(tensor: ListedTensor, soon: boolean): void;
  close(): void;
  draw(theme: Theme): Promise<void>;
  dispose(): void;
}

/** @param nested draws a section inside the pane; @param closed when the user wants it gone */
export function tensorPane(file: string, surroundings: Surroundings, nested: (section: Section) => NestedSection, closed: () => void): TensorPane {
  const name = element('h3', { class: 'tensor-name' });
  const facts = element('p', { class: 'note' });
  const slices = element('div', { class: 'slices', role: 'group', 'aria-label': t('Which matrix the heat map shows') });
  const status = element('div', { role: 'status' });
  const sections = element('div', { class: 'pane-sections' });
  const copyName = copyButton(t('Copy name'), t('Copy the tensor’s name'), () => surroundings.copy(tensor?.name ?? ''));
  const pane = element('aside', { class: 'pane', 'aria-label': t('Selected tensor') },
    element('div', { class: 'section-head' }, name, element('div', { class: 'tools' }, copyName, button(t('Close'), closed, { class: 'quiet', title: t('Close (Escape)') }))),
    facts, status, sections);
  pane.hidden = true;
  pane.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') closed();
  });

  let tensor: ListedTensor | null = null;
  let slice: readonly number[] = [];
  let cell: CellValue = 'mean';
  let drawn: NestedSection[] = [];
  let theme: Theme | null = null;
  let waiting: number | undefined;

  const clear = (): void => {
    for (const section of drawn) section.dispose();
    drawn = [];
    sections.replaceChildren();
  };
  const put = (list: readonly (Section | null)[]): void => {
    // The old drawing keeps its place until the new one is there, so that nothing jumps.
    const old = drawn;
    drawn = list.filter((one) => one !== null).map(nested);
    sections.replaceChildren(...drawn.map((one) => one.element));
    for (const section of old) section.dispose();
    if (theme !== null) for (const section of drawn) void section.draw(theme);
  };
  const fill = (detail: WireTensorDetail): void => {
    status.replaceChildren();
    sections.classList.remove('outdated');
    put([histogramSection(detail), heatMapSection(detail, cell), statisticsSection(detail.statistics)]);
    sections.querySelector('[data-id=tensor-heat-map] > .section-head')?.after(heatMapControls(detail));
  };
  const heatMapControls = (detail: WireTensorDetail): HTMLElement => {
    const { rows, columns, cellRows, cellColumns } = detail.heatMap;
    const coarse = cellRows < rows || cellColumns < columns;
    const choices = (['mean', 'largest'] as const).map((value) => {
      const press = button(value === 'mean' ? t('Mean') : t('Largest'), () => {
        cell = value;
        fill(detail);
      }, { class: 'quiet toggle', 'aria-pressed': value === cell, title: value === 'mean' ? t('A cell shows the mean of its elements') : t('A cell shows its element of the largest magnitude') });
      return press;
    });
    slices.replaceChildren(...sliceInputs(detail.shape, slice, (chosen) => {
      slice = chosen;
      load();
    }));
    return element('div', { class: 'heat-tools' }, ...(coarse ? choices : []), slices);
  };
  const load = (): void => {
    const { tensors } = surroundings;
    if (tensor === null) return;
    if (tensors === undefined) {
      put([tensor.statistics === undefined ? null : statisticsSection(tensor.statistics)]);
      return;
    }
    const request: TensorDetailRequest = { file, tensor: tensor.name, ...(slice.length === 0 ? {} : { slice }) };
    const known = tensors.known(request);
    if (known !== undefined) fill(known);
    sections.classList.add('outdated');
    const bar = element('progress', { 'aria-label': t('Reading the tensor') });
    // What is there at once needs no bar.
    const late = window.setTimeout(() => { status.replaceChildren(bar); }, 300);
    tensors.ask(request, {
      progress: ({ fraction }) => { if (fraction !== undefined) bar.value = fraction; },
      detail: (detail) => {
        window.clearTimeout(late);
        fill(detail);
      },
      failed: (message) => {
        window.clearTimeout(late);
        status.replaceChildren(element('p', { class: 'failure' }, visible(message)));
        clear();
      },
    });
  };

  return {
    element: pane,
    show: (chosen, soon) => {
      const same = tensor?.name === chosen.name && !pane.hidden;
      tensor = chosen;
      if (!same) {
        slice = [];
        name.textContent = visible(chosen.name === '' ? t('(no name)') : chosen.name);
        facts.textContent = factsOf(chosen);
      }
      pane.hidden = false;
      window.clearTimeout(waiting);
      if (soon) load();
      else waiting = window.setTimeout(load, SETTLED_MS);
    },
    close: () => {
      window.clearTimeout(waiting);
      surroundings.tensors?.cancel();
      tensor = null;
      pane.hidden = true;
      clear();
    },
    draw: async (now) => {
      theme = now;
      await Promise.all(drawn.map((section) => section.draw(now)));
    },
    dispose: () => {
      window.clearTimeout(waiting);
      clear();
    },
  };
}

function factsOf({ dtype, shape, elements, bytes, stored }: ListedTensor): string {
  const facts = [visible(dtype), formatShape(shape), elements === 1 ? t('1 element') : t('{0} elements', formatCount(elements)), formatBytes(bytes)];
  if (stored !== undefined) {
    const [count, type] = [formatCount(stored.count), visible(stored.dtype)];
    facts.push(stored.elementsEach === 1 ? t('stored as {0} {1}', count, type) : t('stored as {0} {1} of {2} elements each', count, type, formatCount(stored.elementsEach)));
  }
  return facts.join(' · ');
}

/** A number for each axis before the last two; left empty, all axes but the first lie side by side. */
function sliceInputs(shape: readonly number[], slice: readonly number[], chosen: (slice: readonly number[]) => void): HTMLElement[] {
  if (shape.length < 3) return [];
  const inputs = shape.slice(0, -2).map((size, axis) => {
    const input = element('input', { type: 'number', class: 'slice', 'aria-label': t('Index along axis {0} of {1}, 0 to {2}', axis + 1, shape.length, size - 1) });
    input.min = '0';
    input.max = String(size - 1);
    input.placeholder = ':';
    input.value = slice[axis] === undefined ? '' : String(slice[axis]);
    return input;
  });
  for (const input of inputs) {
    input.addEventListener('change', () => {
      const indices = inputs.map((one, axis) => (one.value === '' ? NaN : Math.min(shape[axis]! - 1, Math.max(0, Math.floor(Number(one.value))))));
      if (indices.every((index) => Number.isNaN(index))) chosen([]);
      // An index that is still missing begins at the first.
      else chosen(indices.map((index) => (Number.isNaN(index) ? 0 : index)));
    });
  }
  return [element('span', { class: 'note' }, t('Matrix [')), ...inputs, element('span', { class: 'note' }, ', :, :]')];
}
