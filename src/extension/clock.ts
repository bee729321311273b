/** Times of day and dates in the window, as its language writes them. Reports have none: the same question gives the same bytes. */
import { language } from '../protocol/words.ts';

/** Now, with seconds: "14:03:27". */
export const timeOfDay = (): string => new Date().toLocaleTimeString(language());

/** The time of today, the day of what is older. @param when in milliseconds since 1970 */
export function dayOrTime(when: number): string {
  const date = new Date(when);
  return date.toDateString() === new Date().toDateString() ? date.toLocaleTimeString(language(), { hour: '2-digit', minute: '2-digit' }) : date.toLocaleDateString(language());
}

export const dayAndTime = (when: number): string => new Date(when).toLocaleString(language());
