// SPDX-License-Identifier: MIT
export const EVIL: string;
export const POLICY: string;
export interface MockOptions {
  now?: number;
  port?: number;
  empty?: boolean;
  /** Status of each answer; 0: none fails. */
  failing?: number;
  /** So many answers are 503 with Retry-After. */
  busy?: number;
  slow?: number;
  cut?: number;
  evil?: boolean;
  token?: string;
  missing?: boolean;
  agentless?: boolean;
  warnings?: readonly string[];
}
export interface Mock {
  readonly url: string;
  readonly requests: string[];
  readonly posted: readonly (readonly [string, Record<string, unknown>])[];
  set(options: MockOptions): void;
  send(name: string, data: unknown): void;
  /** Open streams of events. */
  listeners(): number;
  status(): Record<string, unknown>;
  close(): Promise<void>;
}
export function startMock(options?: MockOptions): Promise<Mock>;
