// SPDX-License-Identifier: MIT
// client.ts - asks the API that serves this page. Every failure becomes one sentence; answers are checked as they come in.

import { BadAnswer } from '../model/shape.ts';
import type { Shape } from '../model/shape.ts';

export type Query = Readonly<Record<string, string | number>>;

/** status 0: no answer at all. */
export class ApiProblem extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** In memory only: a reload forgets it. */
let token = '';

export function setToken(value: string): void {
  token = value;
}

/** Takes "#token=…" out of an address, once; null: there is none. */
export function takeToken(hash: string): string | null {
  const found = /^#token=([\x21-\x7e]+)$/.exec(hash);
  if (found) setToken(decodeURIComponent(found[1]!));
  return found ? token : null;
}

/** Relative, so that it works below any path. Parameters that are "" are left out. */
export function apiPath(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== '') params.set(name, String(value));
  const text = params.toString();
  return `api/v1/${path}${text && `?${text}`}`;
}

const PATIENT_S = 5;
const PATIENCE = 2;

/** A server that has too much to do at the moment says when to come back. */
export async function request(path: string, init: RequestInit = {}, patience = PATIENCE): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token) headers.set('Authorization', `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(path, {
      ...init,
      headers,
      credentials: 'same-origin',
      referrerPolicy: 'no-referrer',
    });
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === 'AbortError') throw reason;
    throw new ApiProblem('pitviper does not answer. Is “pitviper serve” still running?', 0);
  }
  if (response.ok) return response;
  const wait = response.status === 503 ? Number(response.headers.get('Retry-After') ?? NaN) : NaN;
  if (patience > 0 && wait >= 0 && wait <= PATIENT_S && (init.method ?? 'GET') === 'GET') {
    await new Promise((done) => setTimeout(done, 1000 * (wait + Math.random())));
    return request(path, init, patience - 1);
  }
  throw new ApiProblem(await sentence(response), response.status);
}

async function sentence(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error?: unknown };
    if (typeof body.error === 'string' && body.error !== '') return body.error;
  } catch {
    /* not from pitviper, perhaps from a proxy before it */
  }
  return `pitviper answered with status ${response.status}`;
}

export async function ask<T>(path: string, query: Query, shape: Shape<T>, signal?: AbortSignal): Promise<T> {
  const response = await request(apiPath(path, query), signal ? { signal } : {});
  let body: unknown;
  try {
    body = await response.json();
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === 'AbortError') throw reason;
    throw new ApiProblem('The answer was cut off on its way. Try again.', 0);
  }
  try {
    return shape(body, path);
  } catch (reason) {
    if (!(reason instanceof BadAnswer)) throw reason;
    throw new ApiProblem(
      `The answer cannot be understood: ${reason.message}. Is the page older than the server?`,
      0,
    );
  }
}

export async function tell(path: string, body: Record<string, unknown>): Promise<void> {
  const headers = { 'Content-Type': 'application/json' };
  await request(apiPath(path), { method: 'POST', headers, body: JSON.stringify(body) });
}

/** Saves an answer as a file: a link could not carry the token. */
export async function download(path: string, query: Query, name: string): Promise<void> {
  const response = await request(apiPath(path, query));
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
