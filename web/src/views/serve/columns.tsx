// SPDX-License-Identifier: MIT
// columns.tsx - columns that many lists have.

import { formatBytes, formatCores, formatInteger, formatRate, formatSeconds } from '../../lib/quantity.ts';
import type { Column } from './data-table.tsx';

type Maybe = number | null;
/** Names of a row's numbers. */
type Numeric<R> = { [K in keyof R]: R[K] extends Maybe ? K : never }[keyof R] & string;
type More<R> = Partial<Column<R>> & { readonly barred?: boolean };

function numbers(format: (n: Maybe) => string) {
  return <R,>(key: Numeric<R>, title: string, { barred = false, ...more }: More<R> = {}): Column<R> => {
    const value = (row: R): Maybe => row[key] as Maybe;
    return {
      key,
      title,
      number: true,
      sort: true,
      cell: (row) => format(value(row)),
      ...(barred ? { bar: value } : {}),
      ...more,
    };
  };
}

export const seconds = numbers(formatSeconds);
export const whole = numbers(formatInteger);
export const rate = numbers(formatRate);
export const cores = numbers(formatCores);
export const bytes = numbers(formatBytes);

/** Where more than 0 is worth a look. */
export function alarming<R>(
  key: Numeric<R>,
  title: string,
  level: 'warn' | 'bad',
  more: More<R> = {},
): Column<R> {
  return whole<R>(key, title, {
    cell: (row) => {
      const value = row[key] as Maybe;
      return <span class={value !== null && value > 0 ? `is-${level}` : ''}>{formatInteger(value)}</span>;
    },
    ...more,
  });
}

export const WIDE = { wide: true } as const;
export const BARRED = { barred: true } as const;
