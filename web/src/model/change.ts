// SPDX-License-Identifier: MIT
// change.ts - is a difference between two recordings one?
//
// Shares are compared, as loads differ. A share is an estimate from samples, so two recordings of the same program
// never agree exactly: z says by how many standard deviations (of the difference of two proportions) they are apart.
// Below NOISE_Z a change is shown as noise. Samples of one run resemble their neighbours, so the limit is generous.

export const NOISE_Z = 3.3;

export interface Change {
  /** Share now minus share before. */
  readonly delta: number;
  /** From -1 (gone) by 0 (equal) to 1 (new). */
  readonly relative: number;
  readonly z: number;
  readonly noise: boolean;
}

export function changeOf(shareNow: number, shareBase: number, samplesNow: number, samplesBase: number): Change {
  const delta = shareNow - shareBase;
  const sum = shareNow + shareBase;
  const relative = sum > 0 ? delta / sum : 0;
  const pooled = (shareNow * samplesNow + shareBase * samplesBase) / Math.max(1, samplesNow + samplesBase);
  const deviation = Math.sqrt(Math.max(0, pooled * (1 - pooled)) * (1 / Math.max(1, samplesNow) + 1 / Math.max(1, samplesBase)));
  const z = deviation > 0 ? delta / deviation : 0;
  return { delta, relative, z, noise: Math.abs(z) < NOISE_Z };
}
