// SPDX-License-Identifier: MIT
// change.ts - is a difference between two recordings one?
//
// Shares are compared, as loads differ. A share is an estimate from samples, so two recordings of the same program
// never agree exactly: z says by how many standard deviations (of the difference of two proportions) they are apart. A
// program does one thing for a while, so a sample resembles its neighbours and a recording is worth fewer samples than it
// has: the evidence is their number divided by the design effect. Below NOISE_Z a change is shown as noise. `pitviper
// diff` judges with more care (docs/design/0004-diff.md); this is its quick sibling for any selection on the page.

export const NOISE_Z = 3;

export interface Change {
  /** Share now minus share before. */
  readonly delta: number;
  /** From -1 (gone) by 0 (equal) to 1 (new). */
  readonly relative: number;
  readonly z: number;
  readonly noise: boolean;
}

export function changeOf(
  shareNow: number,
  shareBase: number,
  evidenceNow: number,
  evidenceBase: number,
): Change {
  const delta = shareNow - shareBase;
  const sum = shareNow + shareBase;
  const relative = sum > 0 ? delta / sum : 0;
  const pooled =
    (shareNow * evidenceNow + shareBase * evidenceBase) / Math.max(1, evidenceNow + evidenceBase);
  const deviation = Math.sqrt(
    Math.max(0, pooled * (1 - pooled)) * (1 / Math.max(1, evidenceNow) + 1 / Math.max(1, evidenceBase)),
  );
  const z = deviation > 0 ? delta / deviation : 0;
  return { delta, relative, z, noise: Math.abs(z) < NOISE_Z };
}
