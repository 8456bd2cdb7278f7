// SPDX-License-Identifier: MIT
import type { BrowserContext, Page } from 'playwright-core';

export const root: string;
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
export type Tab = Page & { faults: string[]; requests: string[] };
export interface Browser {
  readonly context: BrowserContext;
  readonly directory: string;
  open(html: string, options?: OpenOptions): Promise<Tab>;
  visit(url: string, options?: OpenOptions): Promise<Tab>;
  close(): Promise<void>;
}
export function openBrowser(flags?: string[]): Promise<Browser>;
