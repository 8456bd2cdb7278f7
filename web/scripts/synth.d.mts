// SPDX-License-Identifier: MIT
import type { PageData } from '../src/model/page-format.ts';

export interface SynthOptions {
  nodes?: number;
  threads?: number;
  seconds?: number;
  seed?: number;
  diff?: boolean;
  timeline?: boolean;
}
export function synthesise(options?: SynthOptions): PageData;
