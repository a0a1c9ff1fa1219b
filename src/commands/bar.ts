/** @file One line that shows how far a row of like tasks is; nothing where nobody looks. */

/** Milliseconds between two drawings. */
const EVERY = 100;
const LENGTH = 24;

export interface Bar {
  /** How far the task at hand is, 0 to 1. */
  within: (share: number) => void;
  /** One more task is done. */
  next: () => void;
  close: () => void;
}

export function openBar(total: number, stream: NodeJS.WriteStream): Bar {
  if (stream.isTTY !== true)
    return { within: () => undefined, next: () => undefined, close: () => undefined };
  const begun = performance.now();
  let [done, drawn] = [0, 0];
  const draw = (share: number): void => {
    const now = performance.now();
    if (now - drawn < EVERY) return;
    drawn = now;
    const all = (done + share) / total;
    const filled = Math.round(LENGTH * all);
    const left = all > 0 ? ((now - begun) / 1000) * (1 / all - 1) : undefined;
    const time = left === undefined ? '' : `  ${Math.ceil(left)} s left`;
    stream.write(`\r\x1b[K${'█'.repeat(filled)}${'░'.repeat(LENGTH - filled)}  ${done} of ${total}${time}`);
  };
  draw(0);
  return {
    within: draw,
    next: () => {
      done++;
      draw(0);
    },
    close: () => void stream.write('\r\x1b[K'),
  };
}
