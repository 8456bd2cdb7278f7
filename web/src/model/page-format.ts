// SPDX-License-Identifier: MIT
// page-format.ts - the JSON that the page carries, as types: docs/formats.md, "Profile JSON" and "Page data".
// load.ts checks all of it and is its only reader.

export const PROFILE_FORMAT = 'pitviper-profile';
export const PROFILE_VERSION = 1;

/** Columns of one table have one length; row i of the table is element i of each. Ids are row numbers. */
export type Column = readonly number[];

export interface PageData {
  format: typeof PROFILE_FORMAT;
  version: number;
  meta: PageMeta;
  stats: PageStats;
  /** strings[0] is "". */
  strings: readonly string[];
  kinds: readonly FrameKind[];
  /** name, file, full_file: strings; 0: none. line, first_line 0: unknown. kind: into kinds. */
  frames: { name: Column; file: Column; full_file: Column; line: Column; first_line: Column; kind: Column };
  /** Node 0 is the root: parent -1, frame -1. A parent's id is lower than its child's. */
  nodes: { parent: Column; frame: Column };
  threads: readonly PageThread[];
  /** Sums over the whole recording; weights are 0 when only counts are known. */
  samples: PageSamples;
  timeline?: PageTimeline | null;
  /** What it is compared with, in terms of the same tables. */
  base?: PageBase | null;
}

export interface PageBase {
  meta: PageMeta;
  stats: PageStats;
  samples: PageSamples;
  /** Base, new: samples of one recording resemble their neighbours; so many of them say as much as one drawn at random. */
  design_effect?: readonly [number, number];
}

export interface PageThread {
  pid: number;
  tid: number;
  name: string;
  process: string;
}

export interface PageSamples {
  thread: Column;
  node: Column;
  count: Column;
  weight_ns: Column;
}

export interface PageTimeline {
  unit_us: number;
  /** gap: from the end of the run before to the start of this one, in units, as duration is. */
  threads: readonly { thread: number; gap: Column; duration: Column; node: Column; count: Column }[];
}

export interface PageMeta {
  title?: string;
  command?: string;
  python?: string;
  host?: string;
  mode?: string;
  pid?: number;
  start_us?: number;
  duration_us?: number;
  period_ns?: number;
}

export interface PageStats {
  samples?: number;
  rounds?: number;
  exact?: number;
  partial?: number;
  lost?: number;
  late?: number;
  errors?: number;
  reads?: number;
}

/** As named by `kinds`, which is enum frame_kind of src/model/profile.h. */
export const FRAME_KINDS = [
  'python',
  'native',
  'kernel',
  'thread',
  'process',
  'gc',
  'changing',
  'other',
  'request',
] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];
