/**
 * The page's wiring: a report arrives by message (VS Code), from the stored state (after a reload of the window), or with the
 * document (standalone file), and is drawn. `data-state` on the body says what is on show: waiting, progress, shown or error.
 */
import './styleNonce.ts';
import type { Report } from '../src/protocol/report.ts';
import type { ToWebview } from '../src/protocol/webview.ts';
import type { PageOptions } from '../src/protocol/webviewHtml.ts';
import { visible } from '../src/protocol/untrustedText.ts';
import { speak } from '../src/protocol/words.ts';
import { element } from './elements.ts';
import { focusKeeper } from './focus.ts';
import pageStyle from './page.css';
import { reportView, type ReportView } from './reportView.ts';
import standaloneStyle from './standalone.css';
import { errorView, progressView, type ProgressView } from './statusView.ts';
import { inVsCode, standalone } from './surroundings.ts';
import { onThemeChange, readTheme, type Theme } from './theme.ts';
import { StateKeeper } from './viewState.ts';

const embedded = document.getElementById('report');
const written = document.getElementById('options')?.textContent;
// A standalone file is for whoever gets it: English as its report is, and in no folder.
const options = written === undefined ? undefined : JSON.parse(written) as PageOptions;
speak(options?.words);
document.head.append(element('style', {}, embedded === null ? pageStyle : standaloneStyle + pageStyle));

const surroundings = embedded === null ? inVsCode(options?.folders ?? []) : standalone();
const keeper = new StateKeeper(surroundings.state, (state) => { surroundings.writeState(state); });
const status = element('div', { id: 'status' });
const main = element('main');
const note = element('div', { id: 'note', role: 'status' });
document.body.append(status, main, note);

let theme: Theme = readTheme();
let shown: ReportView | null = null;
let progress: ProgressView | null = null;

type PageState = 'waiting' | 'progress' | 'shown' | 'error';

function setState(state: PageState): void {
  document.body.dataset['state'] = state;
}

async function show(report: Report, scroll: number): Promise<void> {
  clearStatus();
  const focus = focusKeeper(main);
  shown?.dispose();
  const view = reportView(report, { remembered: (id) => keeper.state.sections[id], remember: (id, value) => { keeper.remember(id, value); } }, surroundings, () => theme);
  shown = view;
  main.replaceChildren(view.element);
  await view.draw(theme);
  // Another report may have come in the meantime.
  if (shown !== view) return;
  window.scrollTo(0, scroll);
  focus();
  if (status.childElementCount === 0) setState('shown');
}

/** A report of the same question keeps the view (zoom, order, filter); any other begins afresh. */
function receive(report: Report): Promise<void> {
  const before = keeper.state.report;
  const same = before !== null && before.analysis === report.analysis && before.title === report.title;
  keeper.update(same ? { report } : { report, sections: {}, scroll: 0 });
  return show(report, same ? keeper.state.scroll : 0);
}

function clearStatus(): void {
  progress = null;
  status.replaceChildren();
  say('', true);
}

let silence: number | undefined;
/** At the edge of the window, so that nothing moves. */
function say(text: string, lasting: boolean): void {
  window.clearTimeout(silence);
  note.textContent = visible(text);
  if (!lasting) silence = window.setTimeout(() => { note.textContent = ''; }, 8000);
}

function handle(message: ToWebview): void {
  switch (message.type) {
    case 'report':
      void receive(message.report);
      break;
    case 'progress':
      if (progress === null) {
        progress = progressView(() => { surroundings.run('cancel'); });
        status.replaceChildren(progress.element);
      }
      progress.update(message.title, message.progress);
      setState('progress');
      break;
    case 'tensor':
    case 'tensor-progress':
      surroundings.tensors?.receive(message);
      break;
    case 'notice':
      clearStatus();
      say(message.text, message.lasting);
      setState(shown === null ? 'waiting' : 'shown');
      break;
    case 'error': {
      progress = null;
      const dismiss = (): void => {
        clearStatus();
        setState('shown');
      };
      status.replaceChildren(errorView(message.title, surroundings.shown(message.message), surroundings.canRun ? () => { surroundings.run('refresh'); } : null, shown === null ? null : dismiss));
      setState('error');
      break;
    }
  }
}

onThemeChange(() => {
  theme = readTheme();
  void shown?.draw(theme);
});
// Paper is narrower than most windows, and a drawing is as wide as it was drawn.
for (const [event, printing] of [['beforeprint', true], ['afterprint', false]] as const) {
  window.addEventListener(event, () => {
    document.body.classList.toggle('printing', printing);
    void shown?.draw(theme);
  });
}
window.addEventListener('scroll', () => { keeper.update({ scroll: window.scrollY }); }, { passive: true });
window.addEventListener('message', (event: MessageEvent<ToWebview>) => { handle(event.data); });

setState('waiting');
if (embedded !== null) {
  // Written by the same build from a Report.
  void show(JSON.parse(embedded.textContent) as Report, 0);
} else {
  const { report, scroll } = keeper.state;
  if (report !== null) {
    show(report, scroll).catch((error: unknown) => { console.error('The stored report could not be drawn', error); });
  }
  surroundings.ready();
}
