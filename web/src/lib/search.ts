// SPDX-License-Identifier: MIT
// search.ts - what a person typed, as a test.
//
// A regular expression, case-insensitive unless it has a capital letter. While it is being typed it is often not
// valid yet ("foo("): then it is taken as plain text, and `error` says so.

export interface Query {
  readonly text: string;
  readonly error: string | null;
  test(candidate: string): boolean;
}

export const QUERY_MAX_CHARS = 500;

export function compileQuery(input: string): Query | null {
  const text = input.slice(0, QUERY_MAX_CHARS);
  if (text.trim() === '') return null;
  const flags = /\p{Lu}/u.test(text.replace(/\\./g, '')) ? 'u' : 'iu';
  try {
    const expression = new RegExp(text, flags);
    return { text, error: null, test: (s) => expression.test(s) };
  } catch (reason) {
    const literal = new RegExp(text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&'), flags);
    const why = reason instanceof Error ? reason.message.replace(/^.*: /, '') : 'not valid';
    return {
      text,
      error: `not a regular expression (${why}); searching for it as text`,
      test: (s) => literal.test(s),
    };
  }
}

/** An expression that finds exactly this text. */
export function quoteForQuery(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
