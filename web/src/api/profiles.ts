// SPDX-License-Identifier: MIT
// profiles.ts - profiles of the API, in the form that saved pages have: model/load.ts checks them.

import { BadData, loadProfile } from '../model/load.ts';
import type { Profile } from '../model/profile.ts';
import { BadAnswer } from '../model/shape.ts';
import type { Shape } from '../model/shape.ts';

export const profile: Shape<Profile> = (value) => {
  try {
    return loadProfile(value);
  } catch (reason) {
    if (reason instanceof BadData) throw new BadAnswer(reason.message.replace(/\.$/, ''));
    throw reason;
  }
};
