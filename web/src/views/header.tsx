// SPDX-License-Identifier: MIT
// header.tsx - what this is, in one line, and how far it can be trusted.

import type { JSX } from 'preact';
import type { Theme } from '../draw/theme.ts';
import { formatCount, formatNs, formatShare } from '../lib/text.ts';
import type { Profile } from '../model/profile.ts';
import { HeaderButtons } from './header-buttons.tsx';
import { Logo } from './icons.tsx';
import { qualityOf } from './recording-view.tsx';

interface Props {
  readonly profile: Profile;
  readonly theme: Theme;
  toggleTheme(): void;
  showHelp(): void;
  showRecording(): void;
}

export function Header({ profile, theme, toggleTheme, showHelp, showRecording }: Props): JSX.Element {
  const { meta, stats, base } = profile;
  const samples = profile.samples.count.reduce((a, b) => a + b, 0);
  const quality = qualityOf(stats);
  const facts = [
    `${formatCount(samples)} samples`,
    meta.duration_us ? formatNs(meta.duration_us * 1000) : '',
    meta.mode ?? '',
    meta.python ? `Python ${meta.python}` : '',
    meta.host ?? '',
  ].filter((fact) => fact !== '');
  const title = meta.title || meta.command || 'profile';
  return (
    <header class="header">
      <Logo />
      <h1 title={title}>{title}</h1>
      {base && <span class="versus">against {base.meta.title || base.meta.command || 'base'}</span>}
      <span class="facts">{facts.join(' · ')}</span>
      {quality && (
        <button
          class={quality.trouble ? 'pill troubled' : 'pill'}
          onClick={showRecording}
          title="How many of the stacks were proven: details"
        >
          {quality.trouble ?? `${formatShare(quality.exactShare)} exact`}
        </button>
      )}
      <HeaderButtons theme={theme} toggleTheme={toggleTheme} showHelp={showHelp} />
    </header>
  );
}
