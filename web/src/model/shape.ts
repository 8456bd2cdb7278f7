// SPDX-License-Identifier: MIT
// shape.ts - what an answer of the API must look like, said once: a shape checks a value and gives it its type.
//
// Fields that are missing count as null, as an older server does not know them; a value of another type is a fault
// that names its place. Text loses what would make another text of it, and nothing else ever reaches the page.

import { cleanText } from '../lib/text.ts';

/** The message is the end of a sentence: "services.rows[3].cores is not a number". */
export class BadAnswer extends Error {}

export type Shape<T> = (value: unknown, place: string) => T;
export type Of<S> = S extends Shape<infer T> ? T : never;

export const text: Shape<string> = (value, place) => {
  if (value === undefined || value === null) return '';
  if (typeof value !== 'string') throw new BadAnswer(`${place} is not a text`);
  return cleanText(value);
};

/** A text that keeps its lines, such as a statement. */
export const lines: Shape<string> = (value, place) => {
  if (typeof value !== 'string') return text(value, place);
  return value
    .split('\n')
    .map((line) => cleanText(line.replace(/\t/g, '    ').replace(/\r$/, '')))
    .join('\n');
};

export const amount: Shape<number | null> = (value, place) => {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new BadAnswer(`${place} is not a number`);
  return value;
};

export const count: Shape<number> = (value, place) => amount(value, place) ?? 0;

export const instant: Shape<number> = (value, place) => {
  const at = amount(value, place);
  if (at === null) throw new BadAnswer(`${place} is missing`);
  return at;
};

export const flag: Shape<boolean> = (value, place) => {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw new BadAnswer(`${place} is neither true nor false`);
  return value;
};

/** For what is checked elsewhere. */
export const anything: Shape<unknown> = (value) => value ?? null;

export function list<T>(of: Shape<T>): Shape<readonly T[]> {
  return (value, place) => {
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value)) throw new BadAnswer(`${place} is not a list`);
    return value.map((item, i) => of(item, `${place}[${i}]`));
  };
}

export function maybe<T>(of: Shape<T>): Shape<T | null> {
  return (value, place) => (value === undefined || value === null ? null : of(value, place));
}

type Fields = Record<string, Shape<unknown>>;
export type Row<F extends Fields> = { readonly [K in keyof F]: Of<F[K]> };

export function row<F extends Fields>(fields: F): Shape<Row<F>> {
  return (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new BadAnswer(`${place} is missing`);
    const from = value as Record<string, unknown>;
    const to: Record<string, unknown> = {};
    for (const [name, of] of Object.entries(fields)) to[name] = of(from[name], `${place}.${name}`);
    return to as Row<F>;
  };
}
