/**
 * DOM elements in one expression. Text arrives only as text nodes, so no name from a file is ever parsed as markup.
 */

interface Attributes {
  readonly class?: string;
  readonly id?: string;
  readonly title?: string;
  readonly type?: string;
  readonly role?: string;
  /** Where it is another than around it. */
  readonly lang?: string;
  readonly tabindex?: number;
  readonly [aria: `aria-${string}` | `data-${string}`]: string | number | boolean | undefined;
}

export function element<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: readonly (Node | string | null)[]): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) node.setAttribute(name, String(value));
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

export function button(label: string, pressed: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const node = element('button', { type: 'button', ...attributes }, label);
  node.addEventListener('click', pressed);
  return node;
}
