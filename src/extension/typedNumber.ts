/** Numbers that the user types, and what is wrong with them while he does. */

/** "0.1", "1e-3", ".5"; undefined for anything that is not a finite number above zero. */
export function positiveNumber(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return undefined;
  const value = Number(trimmed);
  return value > 0 && Number.isFinite(value) ? value : undefined;
}

export const EVIDENCE = 'evidence';

/** A precision, or the word that stands for the largest evidence. */
export function priorPrecisionFrom(text: string): number | typeof EVIDENCE | undefined {
  return text.trim().toLowerCase() === EVIDENCE ? EVIDENCE : positiveNumber(text);
}

/** Between 0 and 1, both left out. */
export function rateFrom(text: string): number | undefined {
  const rate = positiveNumber(text);
  return rate !== undefined && rate < 1 ? rate : undefined;
}
