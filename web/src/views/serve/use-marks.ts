// SPDX-License-Identifier: MIT
// use-marks.ts - what is marked on the time axes of a service: releases and alerts, however much else happened.

import { useMemo } from 'preact/hooks';
import { events } from '../../model/answers.ts';
import type { Event } from '../../model/answers.ts';
import type { PageContext } from './page.ts';
import { useAnswer } from './use-answer.ts';

export function useMarks(page: PageContext, service: string): readonly Event[] {
  const releases = useAnswer(page, 'events', { service, kind: 'deploy' }, events).data;
  const alerts = useAnswer(page, 'events', { service, kind: 'alert' }, events).data;
  return useMemo(() => [...(releases?.rows ?? []), ...(alerts?.rows ?? [])], [releases, alerts]);
}
