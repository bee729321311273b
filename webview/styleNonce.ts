/**
 * Lets Plotly live under `style-src 'nonce-…'`. It appends <style> elements while it loads, which need the page's nonce, and it
 * sets `style` attributes, which a nonce cannot allow; the same declarations through the CSSOM are not restricted (CSP Level 3,
 * §8.3: `element.style.cssText` is a script's doing). Must run before Plotly does.
 */

const script = document.currentScript;
/** The nonce of this page's own script element; empty where the page has no policy. */
export const nonce = script instanceof HTMLScriptElement ? script.nonce : '';

type CreateElement = (this: Document, tag: string, options?: ElementCreationOptions) => HTMLElement;
// eslint-disable-next-line @typescript-eslint/no-deprecated, @typescript-eslint/unbound-method -- the overload for any tag; called with its document below
const createElement: CreateElement = Document.prototype.createElement;
Reflect.set(document, 'createElement', (tag: string, options?: ElementCreationOptions): HTMLElement => {
  const element = createElement.call(document, tag, options);
  if (element instanceof HTMLStyleElement) element.nonce = nonce;
  return element;
});

// eslint-disable-next-line @typescript-eslint/unbound-method -- called with its element below
const setAttribute = Element.prototype.setAttribute;
Element.prototype.setAttribute = function (this: Element, name: string, value: string): void {
  if (name === 'style' && (this instanceof HTMLElement || this instanceof SVGElement)) this.style.cssText = value;
  else setAttribute.call(this, name, value);
};

/** What the policy refused, for tests and bug reports: 0 is right. */
document.body.dataset['cspViolations'] = '0';
document.addEventListener('securitypolicyviolation', (event) => {
  document.body.dataset['cspViolations'] = String(Number(document.body.dataset['cspViolations']) + 1);
  console.warn(`Content security policy refused ${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
