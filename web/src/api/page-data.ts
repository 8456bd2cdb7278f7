// SPDX-License-Identifier: MIT
// page-data.ts - the one place that fetches: here, from the page itself. Every failure becomes one sentence.

import { BadData, loadProfile } from '../model/load.ts';
import type { Profile } from '../model/profile.ts';

export type Loaded = { readonly profile: Profile } | { readonly problem: string };

export async function loadFromPage(page: Document): Promise<Loaded> {
  const element = page.getElementById('pitviper-data');
  if (!element)
    return {
      problem: 'This page carries no profile. Make one with “pitviper record -p PID -o profile.html”.',
    };
  try {
    const text = element.textContent ?? '';
    const json = element.dataset['encoding'] === 'gzip+base64' ? await gunzip(text) : text;
    element.textContent = '';
    return { profile: loadProfile(JSON.parse(json)) };
  } catch (reason) {
    return { problem: explain(reason) };
  }
}

async function gunzip(base64: string): Promise<string> {
  if (typeof DecompressionStream === 'undefined')
    throw new BadData('this browser is too old to unpack it (Chrome 80, Firefox 113 or Safari 16.4 can).');
  const binary = atob(base64.trim());
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).text();
}

function explain(reason: unknown): string {
  if (reason instanceof BadData) return `The profile in this page cannot be shown: ${reason.message}`;
  const detail = reason instanceof Error ? reason.message : String(reason);
  return `The profile in this page is damaged, perhaps cut off while it was copied (${detail}).`;
}
