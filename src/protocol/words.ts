/**
 * The program's own words (messages, questions, buttons, headings of the page) in the language of the window. As in VS Code's `l10n`, of
 * whose function `t` is the twin, the English text is its own key; translations are files `l10n/bundle.l10n.LANGUAGE.json`, which VS Code
 * reads. The page and what knows nothing of VS Code speak through it too: the extension puts the bundle in when it starts, the page when
 * it is drawn. What reports, the terminal and the log say is not among these words: it is compared, committed and asked about, and stays
 * English.
 */

export interface Words {
  /** As VS Code calls it: `en`, `de`, `pt-br`. */
  readonly language: string;
  /** English to the language; what is missing stays English. */
  readonly bundle: Readonly<Record<string, string>>;
}

const english: Words = { language: 'en', bundle: {} };

let spoken = english;

/** Nothing said stands for English. What was written before in another language stays as it is. */
export function speak(words: Words | undefined): void {
  spoken = words ?? english;
}

/** Of reports, whatever the window speaks: marked where both stand on one page, for who reads aloud. */
export const REPORT_LANGUAGE = 'en';

/** Of the words that are spoken: for dates, and for who reads aloud. */
export const language = (): string => spoken.language;

/**
 * The text in the language of the window, with `{0}`, `{1}`, … filled in. Called where it is shown, never while a file is loaded: no words
 * are known then. `build/words.ts` collects the texts, which are therefore written out at the call.
 */
export function t(text: string, ...values: readonly (string | number)[]): string {
  const said = Object.hasOwn(spoken.bundle, text) ? spoken.bundle[text] ?? text : text;
  // In one pass: a value that looks like a place is not filled.
  return said.replace(/\{(\d+)\}/g, (place, index: string) => String(values[Number(index)] ?? place));
}
