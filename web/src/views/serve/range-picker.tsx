// SPDX-License-Identifier: MIT
// range-picker.tsx - which time is shown: up to now, which then moves along, or fixed.

import type { JSX } from 'preact';
import { useRef, useState } from 'preact/hooks';
import { formatInstant } from '../../lib/quantity.ts';
import { periodParams, placeHash, withParams } from '../../model/address.ts';
import { fixed, isLive, periodTitle, PRESETS } from '../../model/period.ts';
import type { Period } from '../../model/period.ts';
import { copyText } from '../clipboard.ts';
import { Icon } from '../icons.tsx';
import { useOutside } from '../use-outside.ts';
import { instantsShown, periodOf, setParams } from './page.ts';
import type { PageContext } from './page.ts';

export function RangePicker({ page }: { page: PageContext }): JSX.Element {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const period = periodOf(page);
  useOutside(box, open, () => setOpen(false));
  const pick = (next: Period): void => {
    setOpen(false);
    setParams(page, { ...periodParams(next), sel: '' });
  };
  return (
    <div class="ranges" ref={box} onKeyDown={(event) => event.key === 'Escape' && setOpen(false)}>
      <span class="choice presets" role="group" aria-label="Range">
        {PRESETS.map((preset) => (
          <button
            aria-pressed={isLive(period) && period.from === preset}
            onClick={() => pick({ from: preset, to: 'now' })}
          >
            {preset}
          </button>
        ))}
      </span>
      <button
        class="toggle range-now"
        aria-expanded={open}
        aria-haspopup="dialog"
        onClick={() => setOpen(!open)}
      >
        {periodTitle(period, (at) => formatInstant(at, page.now, false))} <Icon name="down" />
      </button>
      {open && <Custom page={page} pick={pick} close={() => setOpen(false)} />}
    </div>
  );
}

/** As <input type="datetime-local"> wants it, in local time. */
function localText(seconds: number): string {
  const at = new Date(seconds * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

function Custom({
  page,
  pick,
  close,
}: {
  page: PageContext;
  pick: (period: Period) => void;
  close: () => void;
}): JSX.Element {
  const shown = instantsShown(page);
  const [from, setFrom] = useState(localText(shown.from));
  const [to, setTo] = useState(localText(shown.to));
  const seconds = (text: string): number => new Date(text).getTime() / 1000;
  const valid = seconds(from) < seconds(to);
  const copy = (): void => {
    const to = withParams(page.place, periodParams(fixed(shown)));
    const address = location.href.replace(/#.*$/, '') + placeHash(to);
    void copyText(address).then((done) =>
      page.say(done ? 'Copied a link to exactly this time' : 'The browser refused to copy'),
    );
    close();
  };
  return (
    <form
      class="panel custom-range"
      role="dialog"
      aria-label="Choose a range"
      onSubmit={(event) => {
        event.preventDefault();
        if (valid) pick(fixed({ from: seconds(from), to: seconds(to) }));
      }}
    >
      <label class="option presets-narrow">
        <span>Last</span>
        <select
          value={periodOf(page).from}
          onChange={(event) => pick({ from: event.currentTarget.value, to: 'now' })}
        >
          {PRESETS.map((preset) => (
            <option value={preset}>{preset}</option>
          ))}
        </select>
      </label>
      <label class="option">
        <span>From</span>
        <input type="datetime-local" step="1" value={from} onInput={(e) => setFrom(e.currentTarget.value)} />
      </label>
      <label class="option">
        <span>To</span>
        <input type="datetime-local" step="1" value={to} onInput={(e) => setTo(e.currentTarget.value)} />
      </label>
      <button class="primary" type="submit" disabled={!valid}>
        Show
      </button>
      <button class="wide" type="button" onClick={copy}>
        Copy a link to exactly this time
      </button>
    </form>
  );
}
