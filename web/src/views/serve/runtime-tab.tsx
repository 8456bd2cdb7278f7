// SPDX-License-Identifier: MIT
// runtime-tab.tsx - what the processes use and what holds them up: memory, CPU, threads, files, garbage collection, loop lag.

import type { JSX } from 'preact';
import { series as seriesShape } from '../../model/answers.ts';
import { fixed } from '../../model/period.ts';
import { runtimePanels } from '../../model/runtime.ts';
import { Chart } from './chart.tsx';
import { FilterChips } from './filters.tsx';
import { instantsShown, param, setParams } from './page.ts';
import type { TabProps } from './service-view.tsx';
import { Nothing, Show } from './show.tsx';
import { useAnswer } from './use-answer.ts';
import { useMarks } from './use-marks.ts';

export function RuntimeTab({ page, service }: TabProps): JSX.Element {
  const query = { what: 'runtime', service, pid: param(page, 'pid'), version: param(page, 'version') };
  const answer = useAnswer(page, 'series', query, seriesShape);
  const marks = useMarks(page, service);
  const shown = instantsShown(page);
  return (
    <>
      <div class="view-tools">
        <FilterChips page={page} names={['pid', 'version']} />
      </div>
      <Show answer={answer} lines={10}>
        {(series) => {
          const panels = runtimePanels(series, shown, page.now);
          return panels.length === 0 ? (
            <Nothing title="Nothing is known of this time" />
          ) : (
            <div class="plots">
              {panels.map((panel) => (
                <Chart
                  key={panel.title}
                  title={panel.title}
                  columns={panel.columns}
                  shown={shown}
                  marks={marks}
                  theme={page.theme}
                  area={panel.columns.lines.length === 1}
                  setRange={(range) => setParams(page, fixed(range))}
                />
              ))}
            </div>
          );
        }}
      </Show>
    </>
  );
}
