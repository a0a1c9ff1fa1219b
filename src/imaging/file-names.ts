/** @file Names of image files can be patients' ids: what stands for them in what others read. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import type { TrialData } from '../protocol.js';
import { stemOf } from './folder.js';

/**
 * A message about an image, for a log: the file's name can be a patient's id, so a short hash stands for it.
 * The runner's terminal, which may name files, says which one it is.
 */
export function withoutFileNames(message: string, { x, y, pairing, split }: TrialData): string {
  let hidden = message;
  if (typeof pairing === 'object' && message.includes(pairing.index)) {
    hidden = hidden.replaceAll(pairing.index, 'the index').replace(/'[^']*'/g, 'a name');
  }
  for (const entries of Object.values(split) as (number | string[])[]) {
    if (typeof entries === 'number') continue;
    entries.forEach((entry, at) => (hidden = hidden.replaceAll(`'${entry}'`, `entry ${at + 1}`)));
  }

  for (const [folder, domain] of [
    [x, 'X'],
    [y, 'Y'],
  ] as const) {
    const escaped = folder.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    for (const name of namesBelow(folder)) {
      hidden = hidden.replaceAll(path.join(folder, name), `image ${shortHash(stemOf(name))} of ${domain}`);
    }
    // What is not there, or behind a link.
    hidden = hidden.replace(new RegExp(`${escaped}[\\\\/].+?(?=: |$)`, 'gm'), `an image of ${domain}`);
  }
  return hidden.replaceAll(x, 'the folder of X').replaceAll(y, 'the folder of Y');
}

/** Paths below a folder, the longest first: a name can be the beginning of another. */
function namesBelow(folder: string): string[] {
  try {
    const names = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' });
    return names.sort((a, b) => b.length - a.length);
  } catch {
    return [];
  }
}

/** Four digits that stand for a file's name. */
export function shortHash(stem: string): string {
  return createHash('sha256').update(stem).digest('hex').slice(0, 4);
}
