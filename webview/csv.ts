/**
 * Numbers leave the page as CSV (RFC 4180, with \n line ends) or, on the clipboard, as tab-separated text that a spreadsheet
 * pastes into cells. Numbers keep full float64 precision.
 */

export type Cell = string | number | null;

export function csv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map(csvCell).join(',')}\n`).join('');
}

export function tsv(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => `${row.map((cell) => text(cell).replace(/[\t\r\n]+/g, ' ')).join('\t')}\n`).join('');
}

const csvCell = (cell: Cell): string => {
  const plain = text(cell);
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
};

/** Text that a spreadsheet would run as a formula (it begins with = + - @ or a tab) gets an apostrophe in front, as OWASP advises. */
const text = (cell: Cell): string => {
  if (cell === null) return '';
  if (typeof cell === 'number') return Object.is(cell, -0) ? '0' : String(cell);
  return /^[=+\-@\t\r]/.test(cell) && !Number.isFinite(Number(cell)) ? `'${cell}` : cell;
};
