// SPDX-License-Identifier: MIT
// spark.tsx - a small line without axes, and a share as a small bar.

import type { JSX } from 'preact';

const WIDTH = 140;
const HEIGHT = 26;

export function Spark({
  values,
  label,
}: {
  values: readonly (number | null)[];
  label: string;
}): JSX.Element | null {
  const peak = Math.max(1e-9, ...values.map((value) => value ?? 0));
  if (values.length < 2) return null;
  const x = (i: number): string => ((i / (values.length - 1)) * WIDTH).toFixed(1);
  const y = (value: number): string => (HEIGHT - 1 - (value / peak) * (HEIGHT - 3)).toFixed(1);
  let path = '';
  let area = '';
  let start = -1;
  values.forEach((value, i) => {
    if (value !== null) {
      path += `${start < 0 ? 'M' : 'L'}${x(i)} ${y(value)}`;
      if (start < 0) start = i;
    }
    const last = i === values.length - 1;
    if (start >= 0 && (value === null || last)) {
      const end = value === null ? i - 1 : i;
      area += `M${x(start)} ${HEIGHT}`;
      for (let at = start; at <= end; at++) area += `L${x(at)} ${y(values[at]!)}`;
      area += `L${x(end)} ${HEIGHT}Z`;
      start = -1;
    }
  });
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <path class="spark-area" d={area} />
      <path class="spark-line" d={path} />
    </svg>
  );
}
