/**
 * @file What other programs import: `import { runSweep, readTrials } from 'cyclesweep'`. The command line does no more than this.
 * docs/library.md shows it at work.
 */
import path from 'node:path';
import { Writable } from 'node:stream';
import { runSweepFile } from './commands/run.js';
import { bringUpToDate } from './runner/projection.js';
import type { SweepSummary } from './runner/run-sweep.js';
import { openExistingStore } from './store/open.js';
import { readSweep, type TrialRecord } from './store/queries.js';

export type { SweepSummary, TrialRecord };
export type { AttemptRecord, SystemRecord, TrialStatus } from './store/queries.js';
export type { Series } from './store/series.js';
export type { Budget, TrialFacts, TrialParameters } from './protocol.js';
export { UserError } from './errors.js';

export interface RunOptions {
  /** Results folder; `results` in the current folder without. */
  results?: string;
  /** Changes of the file for this run, e.g. `['budget.pixels=1M', 'seeds=5']`. */
  set?: string[];
  /** Only the trials that fit, e.g. `['patch>=128']`. */
  only?: string[];
  engine?: string;
  device?: string;
  /** e.g. `0,2` or `cpu:4`. */
  devices?: string;
  /** Memory that one trial may have, e.g. `4G`. */
  memoryLimit?: string;
  /** Runs failed trials again as well. */
  retryFailed?: boolean;
  /** Goes on from finished trials of a smaller budget. */
  extend?: boolean;
  maxTrials?: number;
  /** The first trial that fails stops the sweep. */
  failFast?: boolean;
  /** Leaves images out that cannot be read. */
  skipBad?: boolean;
  /** `slurm`: on the cluster whose commands this machine has (docs/slurm.md), by the sweep file's `slurm:`. */
  executor?: 'local' | 'slurm';
  /** With Slurm: returns when all trials are with it. */
  detach?: boolean;
  /** Takes each line that `sweep run` would print. */
  onMessage?: (line: string) => void;
  /** Aborted: running trials save a checkpoint and leave, no new ones start. */
  signal?: AbortSignal;
}

/**
 * Trains every trial of a sweep file that is not done yet, one process a trial; as `sweep run FILE`. Ctrl-C in this process stops it, too.
 * Trials that fail are no error: the summary holds them.
 * @throws UserError if the file, the data or an option is wrong, before any trial is started
 */
export async function runSweep(file: string, options: RunOptions = {}): Promise<SweepSummary> {
  const { onMessage = () => undefined, signal } = options;
  const lines = new Writable({
    write(chunk: Buffer, _, done) {
      onMessage(chunk.toString().trimEnd());
      done();
    },
  });
  const { summary } = await runSweepFile(
    {
      file,
      results: path.resolve(options.results ?? 'results'),
      set: options.set ?? [],
      only: options.only ?? [],
      engine: options.engine,
      device: options.device,
      devices: options.devices,
      'memory-limit': options.memoryLimit,
      'retry-failed': options.retryFailed ?? false,
      'max-trials': options.maxTrials,
      'fail-fast': options.failFast ?? false,
      'skip-bad': options.skipBad ?? false,
      extend: options.extend ?? false,
      executor: options.executor ?? 'local',
      detach: options.detach ?? false,
    },
    { say: onMessage, stream: lines, signal },
  );
  return summary;
}

/**
 * All that is known of a sweep's trials, in the order of its grid; also while it runs.
 * @throws UserError if there is no such sweep or no such results folder
 */
export function readTrials(options: { sweep?: string; results?: string } = {}): TrialRecord[] {
  const results = path.resolve(options.results ?? 'results');
  bringUpToDate(results);
  const store = openExistingStore(results);
  try {
    return readSweep(store, options.sweep).trials;
  } finally {
    store.close();
  }
}
