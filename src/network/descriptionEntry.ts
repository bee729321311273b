/**
 * One JSON object of a network description, read with complaints that name its place ("layers[2]") and what was expected there.
 */
import { showName } from '../weights/weightFileError.ts';

/** Ends in the error that a reader of the description sees. */
export type Fail = (place: string, problem: string) => never;

export class Entry {
  readonly place: string;
  readonly #values: ReadonlyMap<string, unknown>;
  readonly #fail: Fail;

  constructor(value: unknown, place: string, fail: Fail) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) fail(place, 'expected a JSON object');
    this.place = place;
    this.#values = new Map(Object.entries(value));
    this.#fail = fail;
  }

  keys(): string[] {
    return [...this.#values.keys()];
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  value(key: string): unknown {
    return this.#values.get(key);
  }

  fail(problem: string): never {
    return this.#fail(this.place, problem);
  }

  allow(keys: readonly string[]): void {
    for (const key of this.#values.keys()) {
      if (!keys.includes(key)) this.fail(`unknown key "${showName(key)}"; expected ${keys.filter((k) => !k.startsWith('$')).join(', ')}`);
    }
  }

  text(key: string): string | undefined {
    const value = this.value(key);
    return value === undefined || typeof value === 'string' ? value : this.fail(`"${key}" should be a string`);
  }

  number(key: string, otherwise: number): number {
    const value = this.value(key);
    if (value === undefined) return otherwise;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.fail(`"${key}" should be a number`);
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.value(key);
    return value === undefined ? otherwise : typeof value === 'boolean' ? value : this.fail(`"${key}" should be true or false`);
  }

  oneOf<T extends string>(key: string, allowed: readonly T[], otherwise: T): T {
    const value = this.text(key) ?? otherwise;
    return allowed.find((each) => each === value) ?? this.fail(`"${key}" should be ${allowed.map((each) => `"${each}"`).join(' or ')}, it is "${showName(value)}"`);
  }

  /** A list of names, or one name. */
  names(key: string): readonly string[] | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const list: readonly unknown[] = Array.isArray(value) ? value : [value];
    return list.length > 0 && list.every((name) => typeof name === 'string') ? list : this.fail(`"${key}" should be a list of names`);
  }

  /** A whole number from `least` on for each axis, or one for all of them. */
  perAxis(key: string, axes: number, least: number, otherwise: readonly number[]): readonly number[] {
    const value = this.value(key);
    if (value === undefined) return otherwise;
    const list: readonly unknown[] = Array.isArray(value) ? value : new Array<unknown>(axes).fill(value);
    const valid = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= least;
    return list.length === axes && list.every(valid) ? list : this.fail(`"${key}" should be a whole number from ${least} on, or a list of ${axes} of them`);
  }
}

export function parseJson(text: string, fail: Fail): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return fail('', `is not JSON (${error instanceof Error ? showName(error.message) : 'unknown error'})`);
  }
}
