/** Keeps the keyboard where it was when a report is drawn anew, because its file changed on disk. */

/** Looks where the focus is now. @returns puts it in the same place of the new drawing, if there is one */
export function focusKeeper(main: HTMLElement): () => void {
  const focused = document.activeElement;
  const section = focused instanceof HTMLElement && main.contains(focused) ? focused.closest<HTMLElement>('[data-id]')?.dataset['id'] : undefined;
  if (section === undefined || !(focused instanceof HTMLElement)) return () => undefined;
  const inRow = focused.closest('[role=row]') !== null;
  const inFilter = focused.classList.contains('filter');
  return () => {
    if (!inRow && !inFilter) return;
    const place = [...main.querySelectorAll<HTMLElement>('[data-id]')].find((one) => one.dataset['id'] === section);
    place?.querySelector<HTMLElement>(inFilter ? '.filter' : '[role=row][tabindex="0"]')?.focus({ preventScroll: true });
  };
}
