/** @file A plan as a person reads it: a table that fits the terminal, and sentences. */
import { isLeft, type SweepPlan } from './plan.js';

/** More rows than anybody reads; `--json` holds all. */
const MOST_ROWS = 60;

/** @param width columns of the terminal; undefined where the output is none: then no line is broken */
export function planText(plan: SweepPlan, width: number | undefined): string {
  const { name, trials, arithmetic, warnings, predictions, placement, varied } = plan;
  const lines = [`Sweep ${name}: ${trials.length} trial${trials.length === 1 ? '' : 's'}`];
  lines.push(...arithmetic.map((line) => `  ${line}`));
  if (plan.leftOut > 0) lines.push(`  --only leaves ${plan.leftOut} of them out`);
  lines.push('', ...table(plan, width), '');
  lines.push(...paragraph(`Where: ${placement}`, width));

  const toRun = trials
    .map((trial, at) => ({ ...trial, ...predictions.trials[at]! }))
    .filter(({ state }) => isLeft(state));
  const states = [...new Set(trials.map(({ state }) => state))];
  const counted = states.map(
    (state) => `${trials.filter((trial) => trial.state === state).length} ${STATES[state]}`,
  );
  lines.push(...paragraph(`In ${plan.results}: ${counted.join(', ')}`, width));
  const { time, memory } = predictions;
  if (toRun.length === 0) lines.push('Time: none, all is done');
  else if (plan.left === null) lines.push(...paragraph(`Time: not known; from ${time.from}`, width));
  else {
    const { trials: all, wall } = plan.left;
    const range = `${spell(wall / time.factor)} to ${spell(wall * time.factor)}`;
    lines.push(
      ...paragraph(
        `Time for what is left: about ${spell(wall)} (${range}), ${plan.slots} at once; ${spell(all)} of trials in all`,
        width,
      ),
      ...paragraph(`  from ${time.from}`, width),
    );
  }
  const peaks = toRun.flatMap(({ memoryBytes }) => memoryBytes ?? []).sort((a, b) => b - a);
  const onDevice = toRun.flatMap(({ deviceBytes }) => deviceBytes ?? []);
  if (peaks.length > 0) {
    const atOnce = peaks.slice(0, plan.slots).reduce((sum, bytes) => sum + bytes, 0);
    const short = atOnce > plan.freeMemory ? ': trials wait until there is room for them' : '';
    lines.push(
      ...paragraph(
        `Memory: up to ${gigabytes(peaks[0]!)} a trial, ${gigabytes(atOnce)} at once, within a factor of ${memory.factor}; ${gigabytes(plan.freeMemory)} are free${short}`,
        width,
      ),
    );
    if (onDevice.length > 0)
      lines.push(...paragraph(`Memory of the GPU: up to ${gigabytes(Math.max(...onDevice))} a trial`, width));
    lines.push(...paragraph(`  from ${memory.from}`, width));
  }
  const refused = [...new Set(toRun.flatMap(({ refused }) => refused ?? []))];
  if (warnings.length + refused.length > 0) lines.push('');
  lines.push(...[...refused, ...warnings].flatMap((warning) => paragraph(`Note: ${warning}`, width)));
  if (varied.length === 0 && trials.length === 1)
    lines.push(...paragraph('Nothing varies: one setting, one seed.', width));
  return lines.join('\n');
}

/** Columns that are left out where they are empty. */
const SOMETIMES = ['GPU memory', 'micro-batch'];

const STATES = {
  done: 'done',
  failed: 'failed before',
  'early-stopped': 'stopped early',
  started: 'to go on',
  new: 'to start',
} as const;

function table({ trials, predictions, varied }: SweepPlan, width: number | undefined): string[] {
  const head = ['key', ...varied, 'seed', 'state', 'time', 'memory', 'GPU memory', 'micro-batch'];
  const rows = trials.slice(0, MOST_ROWS).map(({ key, params, seed, state }, at) => {
    const { seconds, memoryBytes, deviceBytes, microBatch } = predictions.trials[at]!;
    const values = varied.map((name) => String(params[name] ?? '-'));
    return [
      key,
      ...values,
      String(seed),
      state,
      seconds === null ? '?' : spell(seconds),
      memoryBytes === null ? '?' : gigabytes(memoryBytes),
      deviceBytes === null ? '' : gigabytes(deviceBytes),
      microBatch === null ? '' : String(microBatch),
    ];
  });
  // What a narrow terminal cannot hold goes from the least telling on.
  let columns = head
    .map((_, column) => column)
    .filter((column) => !SOMETIMES.includes(head[column]!) || rows.some((row) => row[column] !== ''));
  const wide = (column: number) => Math.max(head[column]!.length, ...rows.map((row) => row[column]!.length));
  const total = () => columns.reduce((sum, column) => sum + wide(column) + 2, -2);
  for (const name of ['micro-batch', 'key', 'memory', 'state']) {
    if (width !== undefined && total() > width) columns = columns.filter((column) => head[column] !== name);
  }
  const numbers = (column: number) =>
    rows.every((row) => /^[-\d.?]/.test(row[column]!)) && head[column] !== 'key';
  const line = (row: string[]) =>
    columns
      .map((column) =>
        numbers(column) ? row[column]!.padStart(wide(column)) : row[column]!.padEnd(wide(column)),
      )
      .join('  ')
      .trimEnd();
  const more = trials.length - rows.length;
  return [line(head), ...rows.map(line), ...(more > 0 ? [`... and ${more} more; --json lists all`] : [])];
}

/** Breaks a text at blanks; lines after the first are indented. */
function paragraph(text: string, width: number | undefined): string[] {
  if (width === undefined || text.length <= width) return [text];
  const indent = /^ */.exec(text)![0];
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(' ')) {
    const start = lines.length === 0 ? indent : `${indent}  `;
    if (line !== '' && start.length + line.length + 1 + word.length > width) {
      lines.push(start + line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, (lines.length === 0 ? indent : `${indent}  `) + line];
}

/** e.g. `45 s`, `12 min`, `3.5 h`, `4.2 days`, `73.1 years`. */
function spell(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${(seconds / 3600).toFixed(1)} h`;
  const days = seconds / 86_400;
  if (days < 100) return `${days.toFixed(1)} days`;
  return days < 1000 ? `${Math.round(days)} days` : `${(days / 365.25).toFixed(1)} years`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
