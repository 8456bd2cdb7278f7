// SPDX-License-Identifier: MIT
// load.ts - from the page's JSON to a profile. Everything is checked here, once, so that nothing later has to be:
// columns of one table have one length, ids point at rows that exist, parents come before children.

import { cleanText, hashText } from '../lib/text.ts';
import { placeOf } from './module.ts';
import { FRAME_KINDS, PROFILE_FORMAT, PROFILE_VERSION } from './page-format.ts';
import type {
  Column,
  FrameKind,
  PageData,
  PageMeta,
  PageSamples,
  PageStats,
  PageTimeline,
} from './page-format.ts';
import type { Func, Profile, Recording, Runs, Samples, Thread } from './profile.ts';

/** The message is one sentence for people. */
export class BadData extends Error {}

export function loadProfile(data: unknown): Profile {
  const page = object(data as PageData | null, 'the profile');
  if (page.format !== PROFILE_FORMAT) throw new BadData(`the data is not marked as “${PROFILE_FORMAT}”.`);
  if (page.version !== PROFILE_VERSION)
    throw new BadData(
      `the data has version ${String(page.version)}, and this page reads version ${PROFILE_VERSION}.`,
    );
  const functions = readFunctions(page);
  const nodes = readNodes(page, functions.frameFunction.length);
  const threads = readThreads(page);
  const sizes = { threads: threads.length, nodes: nodes.nodeParent.length };
  return {
    ...readRecording(page, 'the profile', sizes, page.base?.design_effect?.[1]),
    ...functions,
    ...nodes,
    threads,
    runs: page.timeline ? readTimeline(page.timeline, sizes) : null,
    base: page.base
      ? readRecording(object(page.base, 'the base'), 'the base', sizes, page.base.design_effect?.[0])
      : null,
  };
}

interface Sizes {
  readonly threads: number;
  readonly nodes: number;
}

/** As `pitviper diff` assumes where a recording cannot tell. */
const DESIGN_EFFECT = 10;

function readRecording(
  from: { meta: PageMeta; stats: PageStats; samples: PageSamples },
  what: string,
  sizes: Sizes,
  designEffect: unknown,
): Recording {
  return {
    meta: readMeta(object(from.meta, `${what}’s meta`)),
    stats: readStats(object(from.stats, `${what}’s stats`)),
    samples: readSamples(object(from.samples, `${what}’s samples`), what, sizes),
    designEffect: isAmount(designEffect) && designEffect >= 1 ? designEffect : DESIGN_EFFECT,
  };
}

const META_TEXTS = ['title', 'command', 'python', 'host', 'mode'] as const;
const META_NUMBERS = ['pid', 'start_us', 'duration_us', 'period_ns'] as const;
const STATS = ['samples', 'rounds', 'exact', 'partial', 'lost', 'late', 'errors', 'reads'] as const;

/** What is missing stays missing; what is of another type is as good as missing. */
function readMeta(meta: PageMeta): PageMeta {
  const clean: PageMeta = {};
  for (const key of META_TEXTS) if (typeof meta[key] === 'string') clean[key] = meta[key];
  for (const key of META_NUMBERS) if (isAmount(meta[key])) clean[key] = meta[key];
  return clean;
}

function readStats(stats: PageStats): PageStats {
  const clean: PageStats = {};
  for (const key of STATS) if (isAmount(stats[key])) clean[key] = stats[key];
  return clean;
}

function readFunctions(page: PageData): Pick<Profile, 'functions' | 'frameFunction' | 'frameLine'> {
  const strings = array<string>(page.strings, 'strings');
  const kinds = array<FrameKind>(page.kinds, 'kinds').map((kind) =>
    FRAME_KINDS.includes(kind) ? kind : 'other',
  );
  const { name, file, full_file, line, first_line, kind } = object(page.frames, 'frames');
  const count = sameLength({ name, file, full_file, line, first_line, kind }, 'frames');
  const functions: Func[] = [];
  const known = new Map<string, number>();
  const frameFunction = new Int32Array(count);
  for (let frame = 0; frame < count; frame++) {
    const shown = text(strings, file[frame]);
    const full = text(strings, full_file[frame]) || shown;
    const func = text(strings, name[frame]) || '?';
    const kindName = kinds[kind[frame]] ?? 'other';
    const key = `${func}\0${full}\0${first_line[frame]}\0${kindName}`;
    let id = known.get(key);
    if (id === undefined) {
      id = functions.length;
      known.set(key, id);
      const hash = hashText(`${func}\0${shown}`);
      functions.push({
        name: func,
        file: shown,
        firstLine: first_line[frame] | 0,
        kind: kindName,
        ...placeOf(kindName, func, full),
        hash,
      });
    }
    frameFunction[frame] = id;
  }
  return { functions, frameFunction, frameLine: Int32Array.from(line) };
}

function readNodes(page: PageData, frames: number): Pick<Profile, 'nodeParent' | 'nodeFrame'> {
  const { parent, frame } = object(page.nodes, 'nodes');
  const count = sameLength({ parent, frame }, 'nodes');
  if (count === 0) throw new BadData('the root node is missing.');
  for (let node = 1; node < count; node++) {
    if (!isId(parent[node], node)) throw new BadData(`node ${node} does not come after its parent.`);
    if (!isId(frame[node], frames)) throw new BadData(`node ${node} has a frame that does not exist.`);
  }
  const nodeParent = Int32Array.from(parent);
  const nodeFrame = Int32Array.from(frame);
  nodeParent[0] = nodeFrame[0] = -1;
  return { nodeParent, nodeFrame };
}

function readThreads(page: PageData): Thread[] {
  return array<Thread>(page.threads, 'threads').map((row) => {
    const { pid, tid, name, process } = object(row, 'a thread');
    return {
      pid: Number(pid) | 0,
      tid: Number(tid) | 0,
      name: String(name ?? ''),
      process: String(process ?? ''),
    };
  });
}

function readSamples({ thread, node, count, weight_ns }: PageSamples, what: string, sizes: Sizes): Samples {
  sameLength({ thread, node, count, weight_ns }, `${what}’s samples`);
  return {
    thread: ids(thread, sizes.threads, 'a sample’s thread'),
    node: ids(node, sizes.nodes, 'a sample’s node'),
    count: amounts(count, 'a sample’s count'),
    weightNs: amounts(weight_ns, 'a sample’s weight'),
  };
}

function readTimeline(timeline: PageTimeline, sizes: Sizes): Runs {
  const { unit_us: unit } = object(timeline, 'the timeline');
  if (!(unit > 0)) throw new BadData('the timeline has no unit.');
  const rows = array<PageTimeline['threads'][number]>(timeline.threads, 'the timeline’s threads').map((row) =>
    object(row, 'a thread’s timeline'),
  );
  const sum = rows.reduce(
    (n, row) =>
      n +
      sameLength({ gap: row.gap, duration: row.duration, node: row.node, count: row.count }, 'the timeline'),
    0,
  );
  const runs = {
    startUs: new Float64Array(sum),
    durationUs: new Float64Array(sum),
    thread: new Int32Array(sum),
    node: new Int32Array(sum),
    count: new Float64Array(sum),
    endUs: 0,
  };
  let at = 0;
  for (const row of rows) {
    if (!isId(row.thread, sizes.threads)) throw new BadData('a run’s thread does not exist.');
    const gap = amounts(row.gap, 'a run’s gap');
    const duration = amounts(row.duration, 'a run’s duration');
    runs.node.set(ids(row.node, sizes.nodes, 'a run’s node'), at);
    runs.count.set(amounts(row.count, 'a run’s count'), at);
    runs.thread.fill(row.thread, at, at + gap.length);
    let clock = 0;
    for (let i = 0; i < gap.length; i++, at++) {
      clock += gap[i];
      runs.startUs[at] = clock * unit;
      runs.durationUs[at] = duration[i] * unit;
      clock += duration[i];
    }
    runs.endUs = Math.max(runs.endUs, clock * unit);
  }
  return runs;
}

function object<T extends object>(value: T | null | undefined, what: string): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new BadData(`${what} is missing.`);
  return value;
}

function array<T>(value: unknown, what: string): readonly T[] {
  if (!Array.isArray(value)) throw new BadData(`${what} is missing.`);
  return value as T[];
}

function sameLength(columns: Record<string, unknown>, what: string): number {
  let length = -1;
  for (const [name, column] of Object.entries(columns)) {
    const size = array(column, `the column “${name}” of ${what}`).length;
    if (length >= 0 && size !== length) throw new BadData(`the columns of ${what} differ in length.`);
    length = size;
  }
  return length;
}

function isId(value: unknown, below: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < below;
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity;
}

function ids(column: Column, below: number, what: string): Int32Array {
  for (let i = 0; i < column.length; i++)
    if (!isId(column[i], below)) throw new BadData(`${what} does not exist (row ${i}).`);
  return Int32Array.from(column);
}

function amounts(column: Column, what: string): Float64Array {
  for (let i = 0; i < column.length; i++) {
    if (!isAmount(column[i])) throw new BadData(`${what} is not a number (row ${i}).`);
  }
  return Float64Array.from(column);
}

function text(strings: readonly string[], id: number): string {
  const value: unknown = strings[id];
  if (typeof value !== 'string') throw new BadData(`string ${id} does not exist.`);
  return cleanText(value);
}
