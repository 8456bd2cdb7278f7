// SPDX-License-Identifier: MIT
import type { BrowserContext, Page } from 'playwright-core';

export const PAGE: string;
export function fillPage(json: string, packed?: boolean): string;
export function findChromium(): string | null;
export interface OpenOptions {
  hash?: string;
  width?: number;
  height?: number;
  dark?: boolean;
  init?: () => void;
}
export interface Browser {
  readonly context: BrowserContext;
  readonly directory: string;
  open(html: string, options?: OpenOptions): Promise<Page & { faults: string[]; requests: string[] }>;
  close(): Promise<void>;
}
export function openBrowser(flags?: string[]): Promise<Browser>;
