// SPDX-License-Identifier: MIT
// live.ts - what happens, as it happens: server-sent events, read through fetch, as an EventSource cannot send a token.

import { readEvent, status as readStatus } from '../model/answers.ts';
import type { Event, Status } from '../model/answers.ts';
import { SseReader } from '../model/sse.ts';
import { ApiProblem, apiPath, request } from './client.ts';

export type LiveState = 'live' | 'lost' | 'off';

export interface LiveListener {
  state(state: LiveState): void;
  status(status: Status): void;
  event(event: Event): void;
}

const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 30_000;

/** Until the returned function is called; comes back by itself when the server does. */
export function listen(listener: LiveListener): () => void {
  const ending = new AbortController();
  void follow(listener, ending.signal);
  return () => ending.abort();
}

async function follow(listener: LiveListener, signal: AbortSignal): Promise<void> {
  for (let wait = RETRY_FIRST_MS; !signal.aborted; wait = Math.min(2 * wait, RETRY_MAX_MS)) {
    try {
      const response = await request(apiPath('live'), { signal, headers: { Accept: 'text/event-stream' } });
      listener.state('live');
      await readAll(response, listener);
      wait = RETRY_FIRST_MS;
    } catch (reason) {
      /* 404: a store at rest without a daemon; everything else may pass */
      if (reason instanceof ApiProblem && reason.status === 404) return listener.state('off');
    }
    if (signal.aborted) return;
    listener.state('lost');
    await new Promise((done) => setTimeout(done, wait));
  }
}

async function readAll(response: Response, listener: LiveListener): Promise<void> {
  const sse = new SseReader((name, data) => {
    try {
      const value: unknown = JSON.parse(data);
      if (name === 'status') listener.status(readStatus(value, 'status'));
      if (name === 'event') listener.event(readEvent(value, 'event'));
    } catch {
      /* one that cannot be read does not end the rest */
    }
  });
  const reader = response.body!.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    sse.push(decoder.decode(value, { stream: true }));
  }
}
