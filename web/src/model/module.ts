// SPDX-License-Identifier: MIT
// module.ts - where a function comes from, told from its file's path alone.

import type { FrameKind } from './page-format.ts';
import type { Origin } from './profile.ts';

export interface Place {
  readonly module: string;
  readonly origin: Origin;
}

const PACKAGE = /(?:^|\/)(?:site|dist)-packages\/([^/]+)/;
const STDLIB = /(?:^|\/)lib(?:64)?\/python\d+(?:\.\d+)?t?\/(.+)$/;
const ZIPPED = /(?:^|\/)python\d+\.zip\/(.+)$/;
const FROZEN = /^<frozen ([^>]+)>$/;

/** `fullPath` decides; the shown path stands in where the recording has no full one. */
export function placeOf(kind: FrameKind, name: string, fullPath: string): Place {
  switch (kind) {
    case 'native':
      return {
        module: fullPath === '' ? 'native' : lastPart(fullPath).replace(/\.so[.\d]*$/, '.so'),
        origin: 'native',
      };
    case 'kernel':
      return { module: 'kernel', origin: 'kernel' };
    case 'python':
    case 'other':
      return fullPath === ''
        ? { module: name.startsWith('<') ? name : '?', origin: 'app' }
        : pythonPlace(fullPath);
    default:
      return { module: name, origin: 'marker' };
  }
}

function pythonPlace(path: string): Place {
  const packaged = PACKAGE.exec(path);
  if (packaged) return { module: stem(packaged[1]!), origin: 'package' };
  const standard = STDLIB.exec(path) ?? ZIPPED.exec(path);
  if (standard) return { module: stem(standard[1]!.split('/')[0]!), origin: 'stdlib' };
  const frozen = FROZEN.exec(path);
  if (frozen) return { module: frozen[1]!.split('.')[0]!, origin: 'stdlib' };
  if (path.startsWith('<')) return { module: path, origin: 'app' };
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return { module: stem(parts.length > 1 ? parts[parts.length - 2]! : (parts[0] ?? '?')), origin: 'app' };
}

function stem(part: string): string {
  return part.replace(/\.(?:pyc?|pyx|so)$/, '');
}

function lastPart(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
