/** @file Finds the line of the model that called an op. */
import { isAbsolute, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const ENGINES = fileURLToPath(new URL('..', import.meta.url));
const FRAME = /(?:\(|at )((?:file:\/\/)?\/?[^()]*?):(\d+):\d+\)?$/;

/** `file:line` of the innermost frame that is neither tfjs, nor Node, nor an engine; tests of the engines count as models. */
export function modelLine(stack: string | undefined = new Error().stack): string {
  for (const frame of (stack ?? '').split('\n').slice(1)) {
    const [, place, line] = FRAME.exec(frame.trim()) ?? [];
    if (!place || !line || place.startsWith('node:')) continue;
    const path = place.startsWith('file:') ? fileURLToPath(place) : place;
    if (!isAbsolute(path) || path.includes(`${sep}node_modules${sep}`)) continue;
    if (path.startsWith(ENGINES) && !path.includes('.test.')) continue;
    const near = relative(process.cwd(), path);
    return `${near.startsWith('..') ? path.split(sep).at(-1) : near}:${line}`;
  }
  return 'an unknown line';
}
