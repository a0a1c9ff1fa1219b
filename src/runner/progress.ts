/** @file What the terminal shows while trials run: a line a running trial, or a plain log where the output is no terminal. */
import { createLogUpdate } from 'log-update';
import type { TrialEvent } from '../protocol.js';

/** A terminal, or anything that takes lines. */
export type TextStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

export interface Progress {
  started(key: string, label: string): void;
  /** Takes a running trial's new events in. */
  saw(key: string, events: readonly TrialEvent[]): void;
  ended(key: string, message: string): void;
  /** What the next of the queue waits for; nothing: an empty text. */
  waits(reason: string): void;
  /** Prints a message above the lines of the running trials. */
  say(message: string): void;
  close(): void;
}

interface Line {
  label: string;
  updates: number;
  step: number;
  /** Where this attempt began, for rate and time left. */
  from: { step: number; wall: number } | undefined;
  wall: number;
  values: Record<string, number>;
  /** Tenth of the budget that the plain log has told last. */
  told: number;
}

const REDRAW_EVERY = 200;

export function openProgress(total: number, stream: TextStream): Progress {
  const lines = new Map<string, Line>();
  let finished = 0;
  let waitsFor = '';
  const live = stream.isTTY === true;
  const log = live ? createLogUpdate(stream) : undefined;
  const redraw = () => {
    if (log === undefined) return;
    const width = stream.columns ?? 80;
    const shown = [...lines.values()].map((line) => describe(line, width).slice(0, width - 1));
    const waits = waitsFor === '' ? '' : `; the next waits for ${waitsFor}`;
    const last = `${finished} of ${total} trials done, ${lines.size} running${waits}`.slice(0, width - 1);
    log([...shown, last].join('\n'));
  };
  const timer = live ? setInterval(redraw, REDRAW_EVERY) : undefined;
  const say = (message: string) => {
    if (log === undefined) stream.write(message + '\n');
    else log.persist(message);
    redraw();
  };
  return {
    say,
    waits(reason) {
      waitsFor = reason;
      if (!live && reason !== '') say(`wait   the next trial waits for ${reason}`);
    },
    started(key, label) {
      lines.set(key, { label, updates: 0, step: 0, from: undefined, wall: 0, values: {}, told: 0 });
      if (!live) say(`start  ${label}`);
    },
    saw(key, events) {
      const line = lines.get(key);
      if (line === undefined) return;
      for (const event of events) take(line, event);
      const tenth = line.updates === 0 ? 0 : Math.floor((10 * line.step) / line.updates);
      if (!live && tenth > line.told && tenth < 10) {
        line.told = tenth;
        say(describe(line, 120));
      }
    },
    ended(key, message) {
      lines.delete(key);
      finished++;
      say(`${String(finished).padStart(String(total).length)}/${total}  ${message}`);
    },
    close() {
      clearInterval(timer);
      lines.clear();
      log?.clear();
      log?.done();
    },
  };
}

function take(line: Line, event: TrialEvent): void {
  if (event.t === 'start') {
    line.updates = event.updates ?? 0;
    line.step = event.from;
    line.from = undefined;
  } else if (event.t === 'metric') {
    line.from ??= { step: event.step, wall: event.wall };
    line.step = event.step;
    line.wall = event.wall;
    line.values = event.v;
  }
}

function describe(line: Line, width: number): string {
  const { step, updates, from, wall, values } = line;
  if (updates === 0 && step === 0) return `${line.label}  starting`;
  const length = width >= 110 ? 20 : 8;
  // A budget of minutes does not say how many updates it holds: no bar then.
  const filled = updates === 0 ? 0 : Math.round((length * step) / updates);
  const bar = updates === 0 ? '' : '█'.repeat(filled) + '░'.repeat(length - filled);
  const rate = from !== undefined && wall > from.wall ? (step - from.step) / (wall - from.wall) : undefined;
  const losses = [
    values['loss/D'] === undefined ? '' : `D ${values['loss/D'].toFixed(3)}`,
    values['loss/G'] === undefined ? '' : `G ${values['loss/G'].toFixed(3)}`,
  ];
  const pace =
    rate === undefined
      ? []
      : [
          `${rate.toPrecision(3)} updates/s`,
          ...(updates === 0 ? [] : [`${duration((updates - step) / rate)} left`]),
        ];
  const count =
    updates === 0 ? `${step} updates` : `${String(step).padStart(String(updates).length)}/${updates}`;
  return [line.label, bar, count, ...losses, ...pace].filter((part) => part !== '').join('  ');
}

/** e.g. `0:42`, `12:03`, `3:07:00`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, '0');
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
