// SPDX-License-Identifier: MIT
// recording-view.tsx - what was recorded and how well: asked and got, proven and not. Nothing that was dropped is hidden.

import type { JSX } from 'preact';
import { formatCount, formatNs, formatShare } from '../lib/text.ts';
import type { PageMeta, PageStats } from '../model/page-format.ts';
import type { Recording } from '../model/profile.ts';
import { functionRows } from '../model/table.ts';
import { formatWeight } from '../model/units.ts';
import type { ViewState } from '../model/view-state.ts';
import { Card } from './card.tsx';
import type { Fact } from './card.tsx';
import type { Analysis } from './use-analysis.ts';

export function RecordingView({ analysis, state }: { analysis: Analysis; state: ViewState }): JSX.Element {
  const { profile } = analysis;
  return (
    <div class="recording-view">
      <div class="cards">
        <Quality title={profile.base ? 'Quality (new)' : 'Quality'} stats={profile.stats} />
        {profile.base && <Quality title="Quality (base)" stats={profile.base.stats} />}
        <Card title={profile.base ? 'Recording (new)' : 'Recording'} facts={metaRows(profile)} />
        {profile.base && <Card title="Recording (base)" facts={metaRows(profile.base)} />}
        <Card title="Contents" facts={contentRows(analysis, state)} />
      </div>
    </div>
  );
}

export interface QualityFigures {
  readonly taken: number;
  readonly exactShare: number;
  /** The worst of it in a few words; null: nothing to worry about. */
  readonly trouble: string | null;
}

const TROUBLED_SHARE = 0.01;

/** null: a converted profile that says nothing about it. */
export function qualityOf({
  samples = 0,
  exact = 0,
  partial = 0,
  lost = 0,
  rounds = 0,
  late = 0,
}: PageStats): QualityFigures | null {
  const taken = exact + partial + lost;
  if (taken === 0 || samples === 0 || rounds === 0) return null;
  const lateShare = late / Math.max(1, rounds + late);
  const unprovenShare = (partial + lost) / taken;
  const worst =
    lateShare > unprovenShare
      ? `${formatShare(lateShare)} of rounds late`
      : `${formatShare(unprovenShare)} not exact`;
  return {
    taken,
    exactShare: exact / taken,
    trouble: Math.max(lateShare, unprovenShare) > TROUBLED_SHARE ? worst : null,
  };
}

function Quality({ title, stats }: { title: string; stats: PageStats }): JSX.Element {
  const quality = qualityOf(stats);
  if (!quality)
    return (
      <Card
        title={title}
        facts={[['Samples', 'nothing known: this profile was converted from another format']]}
      />
    );
  const {
    exact = 0,
    partial = 0,
    lost = 0,
    late = 0,
    rounds = 0,
    errors = 0,
    reads = 0,
    samples = 0,
  } = stats;
  const part = (n: number): string => `${formatCount(n)} (${formatShare(n / quality.taken)})`;
  const rows: Fact[] = [
    ['Samples', formatCount(samples), 'thread stacks taken'],
    ['Exact', part(exact), 'proven: two equal copies'],
    ['Partial', part(partial), 'only the outer part proven; shown ending in <changing>'],
    ['Lost', part(lost), 'could not be read at all; not in the graph'],
    [
      'Late',
      `${formatCount(late)} of ${formatCount(rounds + late)} rounds`,
      'skipped because the one before took too long',
    ],
    ['Errors', formatCount(errors)],
    [
      'Reads',
      `${formatCount(reads)} (${samples > 0 ? (reads / samples).toFixed(2) : '–'} a sample)`,
      'system calls that read the target',
    ],
  ];
  return (
    <Card title={title} facts={rows}>
      <div class="quality-bar" role="img" aria-label={`${formatShare(quality.exactShare)} exact`}>
        <span class="exact" style={{ flexGrow: exact }} />
        <span class="partial" style={{ flexGrow: partial }} />
        <span class="lost" style={{ flexGrow: lost }} />
      </div>
    </Card>
  );
}

function metaRows({ meta, stats }: Recording): Fact[] {
  const rows: Fact[] = [];
  const seconds = (meta.duration_us ?? 0) / 1e6;
  const text = (name: string, value: string | undefined): unknown => value && rows.push([name, value]);
  text('Title', meta.title !== meta.command ? meta.title : '');
  text('Command', meta.command);
  if (meta.pid) rows.push(['Process', String(meta.pid)]);
  text('Python', meta.python);
  text('Host', meta.host);
  text('Mode', modeText(meta));
  if (meta.start_us) rows.push(['Started', new Date(meta.start_us / 1000).toLocaleString()]);
  if (seconds > 0) rows.push(['Lasted', formatNs(seconds * 1e9)]);
  if (meta.period_ns) rows.push(['Rate asked', rate(1e9 / meta.period_ns)]);
  if (seconds > 0 && stats.rounds) rows.push(['Rate got', rate(stats.rounds / seconds)]);
  return rows;
}

function modeText({ mode }: PageMeta): string {
  const meanings: Record<string, string> = {
    cpu: 'cpu: threads that were running',
    wall: 'wall: all threads, also waiting ones',
    gil: 'gil: the thread that held the GIL',
  };
  return mode ? (meanings[mode] ?? mode) : '';
}

function rate(hz: number): string {
  return hz >= 1000 ? `${Number((hz / 1000).toFixed(2))} kHz` : `${Number(hz.toFixed(1))} Hz`;
}

function contentRows(analysis: Analysis, state: ViewState): Fact[] {
  const { profile, calls, entries } = analysis;
  const sum = calls.total[0] || 1;
  const rows: Fact[] = [
    ['Selected', formatWeight(state.metric, calls.total[0])],
    ['Functions', formatCount(profile.functions.length)],
    ['Different stacks', formatCount(profile.nodeParent.length - 1)],
    ['Threads', formatCount(profile.threads.length)],
  ];
  for (const row of functionRows(calls, entries, profile.functions.length)) {
    const func = profile.functions[row.func];
    if (func.kind === 'gc')
      rows.push([func.name, formatShare(row.total / sum), 'garbage collections in progress']);
    if (func.kind === 'changing')
      rows.push([func.name, formatShare(row.total / sum), 'innermost frames not proven']);
  }
  return rows;
}
