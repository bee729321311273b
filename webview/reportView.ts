/** A report as a page: what was asked, the answer in one sentence, warnings, then the sections; where it came from at the end. */
import { fullResult } from '../src/protocol/fullResult.ts';
import { formatCount, formatSeconds } from '../src/protocol/format.ts';
import type { JsonValue, Report } from '../src/protocol/report.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import type { WebviewAction } from '../src/protocol/webview.ts';
import { REPORT_LANGUAGE, t } from '../src/protocol/words.ts';
import { button, element } from './elements.ts';
import { suggestedName } from './fileName.ts';
import { copyButton } from './copyButton.ts';
import { prose } from './prose.ts';
import { sectionView } from './section.ts';
import type { Surroundings } from './surroundings.ts';
import type { Theme } from './theme.ts';
import { warningList } from './warnings.ts';

export interface ReportView {
  readonly element: HTMLElement;
  draw(theme: Theme): Promise<void>;
  dispose(): void;
}

export interface SectionMemory {
  remembered(id: string): JsonValue | undefined;
  remember(id: string, value: JsonValue): void;
}

export function reportView(report: Report, memory: SectionMemory, surroundings: Surroundings, theme: () => Theme): ReportView {
  const views = report.sections.map((section) =>
    sectionView(section, report, { remembered: memory.remembered(section.id), remember: (value) => { memory.remember(section.id, value); } }, surroundings, theme));
  const page = element('article', { class: 'report', 'data-analysis': report.analysis }, header(report, surroundings), ...views.map((view) => view.element), origin(report, surroundings));
  return {
    element: page,
    draw: async (now) => { await Promise.all(views.map((view) => view.draw(now))); },
    dispose: () => { for (const view of views) view.dispose(); },
  };
}

function header(report: Report, surroundings: Surroundings): HTMLElement {
  const { saveHtml, shown } = surroundings;
  const json = (): string => `${JSON.stringify(fullResult(report), (_, value: unknown) => (typeof value === 'string' ? shown(value) : value), 2)}\n`;
  const tools = element('div', { class: 'tools', role: 'group', 'aria-label': t('Save or copy this report') },
    saveHtml === undefined ? null : button(t('Save HTML'), saveHtml, { class: 'quiet', title: t('Save this report as one HTML file that needs nothing else') }),
    button(t('Save JSON'), () => { surroundings.save(suggestedName(report, null, 'json'), { text: json(), mediaType: 'application/json' }); }, { class: 'quiet', title: t('Save the result as JSON') }),
    copyButton(t('Copy JSON'), t('Copy the result as JSON'), () => surroundings.copy(json())));
  return element('header', { class: 'report-head' },
    element('div', { class: 'section-head' }, element('h1', { lang: REPORT_LANGUAGE }, visible(report.title)), tools),
    element('p', { class: 'summary', lang: REPORT_LANGUAGE }, ...prose(shown(report.summary))),
    warningList(report.warnings, surroundings.openSetting),
    surroundings.canRun && report.analysis === 'inspect' ? actions(report, surroundings) : null,
    surroundings.canRun ? nextActions(report, surroundings) : null);
}

/** From what is in a file to what can be asked of it. */
function actions(report: Report, surroundings: Surroundings): HTMLElement {
  const counted = report.sections.some((section) => section.kind === 'tensors' && section.tensors.statistics !== undefined);
  const run = runner(surroundings);
  const filesOf = (test: (file: InspectedFile) => boolean): boolean => inspectedFiles(report).some(test);
  const statistics = counted ? null : run('statistics', t('Compute statistics'), t('Read every weight once: range, quantiles, norm, zeros, NaN; of a recognised network also its dead and duplicate units'));
  if (filesOf((file) => file?.holds === 'data')) return element('div', { class: 'actions', role: 'group', 'aria-label': t('Analyses of this file') }, statistics);
  return element('div', { class: 'actions', role: 'group', 'aria-label': t('Analyses of this file') },
    filesOf((file) => file?.network?.kind === 'activation-needed') ? run('activation', t('Choose activation…'), t('Say once what is between the layers, which the file does not tell')) : null,
    filesOf((file) => file?.network?.kind === 'unrecognised') ? run('activation', t('Choose network file…'), t('An ONNX or Keras export of the same network, or a description: what lies between these tensors')) : null,
    statistics,
    run('diff', t('Compare tensors…'), t('What changed between this file and another, tensor by tensor')),
    run('compare', t('Compare networks…'), t('Whether this network and another compute the same function, and how far apart they are with scales removed and units aligned')),
    run('rank', t('Rank and kernel'), t('Rank of the GGN and what its kernel consists of')),
    run('canonicalize', t('Canonicalise and save…'), t('Remove permutation, scaling and sign copies and save the result')),
    run('align', t('Align units and save…'), t('Bring the units of this network and another into one order and save the result')),
    run('posterior', t('Posterior over weights'), t('Treat these weights as draws and compare them before and after symmetry removal')),
    run('predict', t('Posterior predictive…'), t('What the posterior of this network predicts, by several methods')));
}

type InspectedFile = { readonly network?: { readonly kind?: unknown }; readonly holds?: unknown } | null;

function inspectedFiles({ result }: Report): readonly InspectedFile[] {
  const files: unknown = typeof result === 'object' && result !== null && 'files' in result ? result['files'] : [];
  return Array.isArray(files) ? files as readonly InspectedFile[] : [];
}

/** What may be asked next, after an analysis. */
function nextActions(report: Report, surroundings: Surroundings): HTMLElement | null {
  const run = runner(surroundings);
  const buttons: readonly HTMLElement[] = report.analysis === 'posterior' ? [
    run('parameters', t('Other parameters…'), t('Show two other parameters in the density')),
    ...(report.sources.length > 1 ? [run('align', t('Align units and save…'), t('Bring the units of these networks into one order and save the results'))] : []),
    run('predict', t('Posterior predictive…'), t('What these networks predict as an ensemble, and by other methods')),
  ] : report.analysis === 'diff' ? [
    run('compare', t('Compare networks'), t('Whether the two compute the same function, and how far apart they are with scales removed and units aligned')),
  ] : report.analysis === 'compare' ? [
    run('diff', t('Compare tensors'), t('What changed between the two, tensor by tensor')),
    run('align', t('Align units and save…'), t('Bring the units of the two into one order and save the result')),
  ] : report.analysis === 'rank' ? [run('predict', t('Posterior predictive…'), t('What the posterior of this network predicts, by several methods'))]
    : report.analysis === 'predict' ? [
      isForwardOnly(report)
        ? run('predict', t('Other data…'), t('Predict again with other data or another likelihood'))
        : run('predict', t('Other methods…'), t('Predict again with other methods, data, noise or prior')),
      ...(report.sections.some(({ kind }) => kind === 'projections') ? [run('parameters', t('Other parameters…'), t('Show the draws in the plane of two other parameters'))] : []),
    ] : [];
  return buttons.length === 0 ? null : element('div', { class: 'actions', role: 'group', 'aria-label': t('What to ask next') }, ...buttons);
}

/** What ran on TensorFlow.js has the methods that forward passes allow, and is asked for no others. */
const isForwardOnly = ({ result }: Report): boolean => typeof result === 'object' && result !== null && 'backend' in result;

const runner = (surroundings: Surroundings) => (action: WebviewAction, label: string, title: string): HTMLElement =>
  button(label, () => { surroundings.run(action); }, { class: 'secondary', title, 'data-action': action });

function origin(report: Report, { shown }: Surroundings): HTMLElement {
  const { seed, seconds, version } = report.provenance;
  const entry = (label: string, ...values: readonly string[]): HTMLElement => element('div', {}, element('dt', {}, label), ...values.map((value) => element('dd', {}, value)));
  const listed = report.sources.slice(0, 5).map((source) => visible(shown(source)));
  const more = report.sources.length - listed.length;
  return element('footer', {}, element('dl', { class: 'origin' },
    report.sources.length === 0 ? null : entry(report.sources.length === 1 ? t('Source') : t('Sources'), ...listed, ...(more > 0 ? [t('and {0} more', formatCount(more))] : [])),
    seed === null ? null : entry(t('Seed'), String(seed)),
    entry(t('Time'), formatSeconds(seconds)),
    entry(t('Version'), `Quotient ${visible(version)}`)));
}
